//! TLS libraries that this machine does not have: OpenSSL of other releases, and BoringSSL, each run in a root and a mount namespace of its own,
//! as in a container.

use std::{
    fs,
    io::Write,
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use crate::{
    agent::{Agent, SERVED},
    case::{Case, OUT, OUT_PATHS, client, server},
    programs::{self, Server},
    root::skipped,
    servers::{free, program},
};

/// A library, with the program that uses it.
struct Library {
    name: &'static str,
    program: &'static str,
    /// The client without the address it is to connect to, and the server without where it is to listen.
    client: &'static [&'static str],
    server: &'static [&'static str],
    /// Whether the server reads whole requests.
    serves: bool,
}

const CERTIFICATE: [&str; 4] = ["-cert", "/site/server.pem", "-key", "/site/server.key"];
const OPENSSL: Library = Library {
    name: "",
    program: "/usr/bin/openssl",
    client: &["s_client", "-quiet", "-connect"],
    server: &["s_server", "-WWW", "-accept"],
    serves: true,
};
const LIBRARIES: &[Library] = &[
    Library {
        name: "openssl-1.1",
        ..OPENSSL
    },
    Library {
        name: "openssl-3.5",
        ..OPENSSL
    },
    // Its server takes four bytes of a request and answers whatever they are.
    Library {
        name: "boringssl",
        program: "/usr/bin/bssl-tool",
        client: &["client", "-connect"],
        server: &["server", "-www", "-loop", "-accept"],
        serves: false,
    },
];

/// Where `scripts/tls-libraries.sh` puts them; the directory of one that is not to be had is missing.
fn fetch() -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../..")
        .canonicalize()
        .unwrap();
    let home = root.join("target/tls-libraries");
    let done = Command::new(root.join("scripts/tls-libraries.sh")).arg(&home).status();
    assert!(done.unwrap().success(), "scripts/tls-libraries.sh");
    home
}

impl Library {
    /// The program, in the root of its own, with `site` in it as `/site`.
    fn command(&self, home: &Path, site: &Path, args: &[&str]) -> Command {
        const SCRIPT: &str = "mount --bind \"$1\" \"$2/site\" && shift && exec chroot \"$@\"";
        let mut command = Command::new("unshare");
        command.args(["-m", "sh", "-c", SCRIPT, "sh"]).arg(site);
        command.arg(home.join(self.name)).arg(self.program).args(args);
        command
    }

    fn server(&self, home: &Path, site: &Path) -> Server {
        let address = free();
        let mut args = self.server.to_vec();
        let (whole, port) = (address.to_string(), address.port().to_string());
        args.push(if self.serves { &whole } else { &port });
        args.extend(CERTIFICATE);
        let mut command = self.command(home, site, &args);
        Server::start(command.stdin(Stdio::piped()), site, address)
    }

    /// Asks, and returns when the server has closed the connection.
    fn ask(&self, home: &Path, site: &Path, address: SocketAddr, path: &str) {
        let address = address.to_string();
        let mut args = self.client.to_vec();
        args.push(&address);
        let mut child = self
            .command(home, site, &args)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        // Its standard input stays open: some do not wait for the answer when it has ended.
        let mut stdin = child.stdin.take().unwrap();
        write!(stdin, "GET {path} HTTP/1.1\r\nHost: here\r\nConnection: close\r\n\r\n").unwrap();
        child.wait().unwrap();
    }
}

/// What a library is to be seen doing: reading and writing, at either end.
fn cases<'a>(
    library: &'a Library,
    home: &'a Path,
    site: &'a Path,
    own: &'a Server,
    nginx: &'a Server,
) -> Vec<Case<'a>> {
    let executable = home.join(library.name).join(&library.program[1..]);
    let (curl, at) = (program("curl", "curl"), "/usr/sbin/nginx");
    let name = |what: &str| -> &'static str { Box::leak(format!("{what}-{}", library.name).into_boxed_str()) };
    let case = |name, ask, ends| Case {
        name,
        rules: OUT,
        paths: OUT_PATHS,
        ask,
        ends,
    };
    let served = |case: Case<'a>, paths| {
        for (what, text) in [("act", SERVED), ("twin", "quiet")] {
            fs::write(site.join(format!("{what}-{}_.html", case.name)), text).unwrap();
        }
        Case {
            rules: &["served"],
            paths,
            ..case
        }
    };
    let asks = || Box::new(|path: &str| library.ask(home, site, nginx.address, path)) as Box<dyn Fn(&str)>;
    let asked = || Box::new(|path: &str| programs::curl_https(own.address, path)) as Box<dyn Fn(&str)>;
    let outward = || vec![client(&executable, nginx), server(at, nginx)];
    let inward = || vec![client(&curl, own), server(&executable, own)];
    let mut cases = vec![
        case(name("asks"), asks(), outward()),
        served(case(name("gets"), asks(), outward()), ("/{}.html", "/{}.html")),
    ];
    if library.serves {
        cases.push(case(name("asked"), asked(), inward()));
        let gives = case(name("gives"), asked(), inward());
        cases.push(served(gives, ("/site/{}.html", "/site/{}.html")));
    }
    cases
}

#[test]
fn libraries_of_other_makers_and_releases_are_seen() {
    if skipped() {
        return;
    }
    let (home, site) = (fetch(), programs::site());
    let nginx = Server::nginx(site.path(), "ssl");
    let agent = Agent::start("https = \"on\"");
    let (mut servers, mut seen) = (Vec::new(), 0);
    for library in LIBRARIES {
        match home.join(library.name).exists() {
            true => servers.push((library, library.server(&home, site.path()))),
            false => println!(
                "NOT TESTED: {} is not to be had here (scripts/tls-libraries.sh says why)",
                library.name
            ),
        }
    }
    for (library, own) in &servers {
        let cases = cases(library, &home, site.path(), own, &nginx);
        cases.iter().for_each(|case| case.run(&agent));
        cases.iter().for_each(|case| case.check(&agent));
        seen += cases.len();
    }
    println!("{seen} cases of {} libraries", servers.len());
}
