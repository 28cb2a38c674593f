#!/bin/bash
# What people do over the network all day, by real programs against a real nginx: pages, apt-get update, git clone, cargo build.
# Much of it looks like what rules are about, and is not. At last one thing that rules are about: by its alerts the test knows that all
# before it was judged. Arguments: a directory, an address, a port. Fails if one of the programs fails.
set -euo pipefail
unset http_proxy HTTP_PROXY https_proxy HTTPS_PROXY all_proxy ALL_PROXY
export no_proxy='*'
home=$1 address=$2 port=$3
site=$home/site url=http://$2:$3
mkdir -p "$site" "$home/tmp"

pages() {
    cat >"$site/index.html" <<'EOF'
<!doctype html><html><head><title>Shop</title><link rel="stylesheet" href="/app.css"><script src="/app.js"></script></head>
<body style="background:url(data:image/gif;base64,R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7)">
<template>Hello {{ user.name }}, you owe ${{ 7*7 }}</template><a href="/docs/../index.html?next=%2Fa%2Fb">back</a></body></html>
EOF
    printf '@import url("../base.css"); .a::after { content: "${x}" } .b { background: url(../../img/logo.png) }\n' >"$site/app.css"
    cat >"$site/app.js" <<'EOF'
const page = (user, cart) => `Dear ${user.name}: ${cart.count * 2} items; ${JSON.stringify({ a: "${jndi}" })}`;
const run = new Function("return this")(); document.cookie = "seen=1"; fetch(`/api/items?sort=${encodeURIComponent("a;b|c")}`);
EOF
    printf '{"template": "${greeting} ${7*7}", "path": "../../etc/hosts", "cmd": "; cat /etc/passwd", "jndi": "${jndi:ldap://x}"}\n' >"$site/data.json"
    head -c 200000 /dev/urandom >"$site/photo.jpg"
}

serve() {
    cat >"$home/nginx.conf" <<EOF
daemon off; worker_processes 2; user root; pid $home/nginx.pid; error_log $home/nginx.log;
events {}
http {
    access_log off; default_type text/html; gzip on; gzip_types *; gzip_min_length 1; client_max_body_size 10m;
    client_body_temp_path $home/tmp/body; proxy_temp_path $home/tmp/proxy; fastcgi_temp_path $home/tmp/fastcgi;
    uwsgi_temp_path $home/tmp/uwsgi; scgi_temp_path $home/tmp/scgi;
    server {
        listen $address:$port;
        root $site;
        location /api/ { return 200 '{"ok":true}'; }
        location /old/ { return 302 /index.html?from=old; }
    }
}
EOF
    nginx -c "$home/nginx.conf" &
    nginx=$!
    trap 'kill $nginx; wait $nginx || true' EXIT
    for _ in $(seq 600); do
        curl -sf -o /dev/null "$url/index.html" && return
        sleep 0.1
    done
    return 1
}

# As a browser asks, and what sites and their scripts put into addresses, cookies and forms.
browse() {
    local agent='Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0'
    local get=(curl -sf -o /dev/null --compressed -A "$agent" -H 'Accept-Language: en;q=0.5' -H "Referer: $url/index.html?a=b/../c")
    for page in index.html app.css app.js data.json photo.jpg; do "${get[@]}" "$url/$page"; done
    "${get[@]}" -L "$url/old/docs/../page"
    "${get[@]}" -b 'cart={"n":2,"t":"${x}"}; theme=dark; sid=YWJjZGVm%3D%3D' "$url/index.html"
    for query in 'q=cats+%26+dogs%3B+what+is+the+id%3F' 'q=how+to+use+curl+and+wget+in+bash' 'q=select+*+from+users+where+id%3D1' \
        'utm_source=mail&utm_campaign=a%7Cb&fbclid=IwAR0x_y-z' 'next=https%3A%2F%2Fexample.org%2Fa%3Fb%3Dc%26d%3De' 'file=docs/2026/../report.pdf' \
        'data=eyJhIjoiL2V0Yy9ob3N0cyIsImIiOiI3KjcifQ==' 'filter[price][]=1..10&sort=-date' 'template={{name}}&expr=7*7' 'x=1%7C2%7C3&y=$(count)' \
        'path=/usr/bin/env&shell=/bin/sh' 'code=a%60b%60c' 'css=.a%7Bcolor%3A%23fff%7D'; do
        "${get[@]}" -g "$url/api/items?$query"
    done
    "${get[@]}" --data-urlencode 'comment=I ran "cat /etc/hosts" & got ${HOME}; then {{ user }} and <%= name %>' -d 'rating=5' "$url/api/form"
    "${get[@]}" -H 'Content-Type: application/json' -d '{"query":"query($id: ID!) { user(id: $id) { name } }","variables":{"id":"${id}"}}' "$url/api/graphql"
    "${get[@]}" -F 'script=@-;filename=install.sh' "$url/api/upload" <<<$'#!/bin/sh\nset -e; cat /etc/os-release; curl -sL https://example.org/x | sh -c "cat"\n'
    # Missing favicons are no guessing of names.
    for n in $(seq 10); do curl -s -o /dev/null "$url/icon-$n.png"; done
}

node_browses() {
    local node
    node=$(command -v nodejs || command -v node || true)
    [ -n "$node" ] || return 0
    "$node" -e 'const http = require("http"), get = u => new Promise((ok, no) => http.get(u, r => r.resume().on("end", ok)).on("error", no));
        (async () => { for (const p of ["index.html", "app.js", "data.json", "api/items?a=${b}&c={{d}}"]) await get(process.argv[1] + "/" + p); })()' "$url"
}

# A repository of one list, as large as lists are, and apt's own directories.
apt_updates() {
    mkdir -p "$site/apt" "$home"/apt/{state/lists/partial,cache/archives/partial,etc/preferences.d,etc/trusted.gpg.d}
    cp /var/lib/dpkg/status "$site/apt/Packages"
    gzip -k "$site/apt/Packages"
    echo "deb [trusted=yes] $url/apt ./" >"$home/apt/etc/sources.list"
    apt-get -qq -o Dir::State="$home/apt/state" -o Dir::Cache="$home/apt/cache" -o Dir::Etc="$home/apt/etc" -o Dir::Etc::sourcelist="$home/apt/etc/sources.list" \
        -o Dir::Etc::sourceparts=- -o APT::Sandbox::User=root -o Acquire::http::Proxy=DIRECT -o Acquire::AllowInsecureRepositories=true update
    ls "$home"/apt/state/lists/*Packages* >/dev/null
}

git_clones() {
    local git=(git -c user.name=t -c user.email=t@example.org -c init.defaultBranch=main)
    "${git[@]}" init -q "$home/work"
    cp "$site"/*.{html,js,json} "$home/work"
    "${git[@]}" -C "$home/work" add .
    "${git[@]}" -C "$home/work" commit -q -m 'Pages: ../../ and ${jndi:x} in {{7*7}}'
    "${git[@]}" clone -q --bare "$home/work" "$site/pages.git"
    git -C "$site/pages.git" update-server-info
    git clone -q "$url/pages.git" "$home/clone"
    cmp "$home/work/app.js" "$home/clone/app.js"
}

# A registry of one crate, and a program that uses it.
cargo_builds() {
    command -v cargo >/dev/null || return 0
    local crate=$home/tiny-0.1.0
    mkdir -p "$crate/src" "$site/index/ti/ny" "$site/dl/tiny/0.1.0" "$home/cargo" "$home/user/src"
    printf '[package]\nname = "tiny"\nversion = "0.1.0"\nedition = "2021"\n' >"$crate/Cargo.toml"
    echo 'pub fn seven() -> u8 { 7 }' >"$crate/src/lib.rs"
    tar -C "$home" -czf "$site/dl/tiny/0.1.0/download" tiny-0.1.0
    local sum
    sum=$(sha256sum <"$site/dl/tiny/0.1.0/download" | cut -d' ' -f1)
    echo "{\"dl\":\"$url/dl\"}" >"$site/index/config.json"
    echo "{\"name\":\"tiny\",\"vers\":\"0.1.0\",\"deps\":[],\"cksum\":\"$sum\",\"features\":{},\"yanked\":false}" >"$site/index/ti/ny/tiny"
    printf '[registries.here]\nindex = "sparse+%s/index/"\n' "$url" >"$home/cargo/config.toml"
    printf '[package]\nname = "user"\nversion = "0.1.0"\nedition = "2021"\n[dependencies]\ntiny = { version = "0.1", registry = "here" }\n' >"$home/user/Cargo.toml"
    echo 'fn main() { assert_eq!(tiny::seven(), 7) }' >"$home/user/src/main.rs"
    (cd "$home/user" && CARGO_HOME=$home/cargo CARGO_TARGET_DIR=$home/target cargo build -q)
    "$home/target/debug/user"
}

out_of_the_directory() {
    curl -s -o /dev/null --path-as-is "$url/images/../../../etc/passwd"
}

pages
serve
browse
node_browses
apt_updates
git_clones
cargo_builds
out_of_the_directory
