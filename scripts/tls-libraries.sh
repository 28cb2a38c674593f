#!/usr/bin/env bash
# Fetches TLS libraries that this machine does not have, each with a program that uses it and all that it needs: DIRECTORY/openssl-1.1 and so on,
# to be run by chroot. What is there already stays. Debian's packages, by an apt of its own: the machine's is neither read nor changed.
# Where a release cannot be reached it says so and goes on: then its directory is missing. Ends with an error if anything else went wrong.
set -euo pipefail

home=$(mkdir -p "${1:?a directory}" && cd "$1" && pwd)
keyring=/usr/share/keyrings/debian-archive-keyring.gpg
architecture=$(dpkg --print-architecture)
libraries=usr/lib/$(uname -m)-linux-gnu

# Directory, release, the file without which it is not whole, packages.
table="openssl-1.1 bullseye $libraries/libssl.so.1.1 openssl libssl1.1 libc6
openssl-3.5 trixie $libraries/libssl.so.3 openssl libssl3t64 libc6 libzstd1 zlib1g
boringssl bookworm $libraries/android/libssl.so.0 android-boringssl android-libboringssl libc6 libgcc-s1 libstdc++6 gcc-12-base"

exec 9> "$home/lock"
flock 9

missing() {
	echo "NOT TO BE HAD: $*"
}

mirror() {
	if [ -n "${LAPWING_DEBIAN_MIRROR:-}" ]; then
		echo "${LAPWING_DEBIAN_MIRROR%/}"
	else
		apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' | sed 's,/*$,,' | grep -m1 '/debian$'
	fi
}

# configure HOME URI RELEASE
configure() {
	mkdir -p "$1"/{state/lists/partial,cache/archives/partial,etc/parts,etc/preferences.d,debs}
	: > "$1/state/status"
	echo "deb [signed-by=$keyring] $2 $3 main" > "$1/etc/sources.list"
	cat > "$1/apt.conf" <<-EOF
		Dir::State "$1/state";
		Dir::State::status "$1/state/status";
		Dir::Cache "$1/cache";
		Dir::Etc "$1/etc";
		Dir::Etc::sourcelist "$1/etc/sources.list";
		Dir::Etc::sourceparts "$1/etc/parts";
		Dir::Etc::parts "$1/etc/parts";
		APT::Architecture "$architecture";
		APT::Architectures {"$architecture";};
		APT::Sandbox::User "root";
		APT::Update::Error-Mode "any";
		Acquire::Languages "none";
		Acquire::Check-Valid-Until "false";
		Acquire::Retries "2";
		Acquire::http::Timeout "15";
	EOF
}

# fetch NAME RELEASE PACKAGES...
fetch() {
	local name=$1 release=$2 apt="$home/.apt-$1"
	shift 2
	rm -rf "$apt" "$home/.new-$name"
	configure "$apt" "$uri" "$release"
	if ! APT_CONFIG="$apt/apt.conf" LC_ALL=C apt-get -qq update > "$apt/log" 2>&1; then
		missing "$name: Debian's $release cannot be reached: $(grep -m1 '^[EW]:' "$apt/log" || true)"
		return
	fi
	(cd "$apt/debs" && APT_CONFIG="$apt/apt.conf" LC_ALL=C apt-get -qq download "$@")
	for deb in "$apt"/debs/*.deb; do
		dpkg -x "$deb" "$home/.new-$name"
	done
	# Where the package base-files would have them.
	for link in bin lib lib64; do
		[ -e "$home/.new-$name/$link" ] || ln -s "usr/$link" "$home/.new-$name/$link"
	done
	mkdir -p "$home/.new-$name/site"
	mv "$home/.new-$name" "$home/$name"
	rm -rf "$apt"
}

is_there() {
	[ -e "$home/$name/$file" ]
}

fetches=()
while read -r name release file packages; do
	is_there && continue
	if [ -z "${uri:-}" ] && { [ ! -e "$keyring" ] || ! uri=$(mirror); }; then
		missing "all that is not there yet: this machine's apt knows no Debian archive, or there is no $keyring; set LAPWING_DEBIAN_MIRROR"
		exit 0
	fi
	rm -rf "${home:?}/$name"
	# shellcheck disable=SC2086 # several
	fetch "$name" "$release" $packages &
	fetches+=($!)
done <<< "$table"
for fetch in "${fetches[@]}"; do
	wait "$fetch"
done
while read -r name release file packages; do
	if [ -e "$home/$name" ] && ! is_there; then
		echo "$release's packages ($packages) do not have $file any more" >&2
		exit 1
	fi
done <<< "$table"
