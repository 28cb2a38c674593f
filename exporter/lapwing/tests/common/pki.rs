//! Authorities and certificates, made by openssl when a test wants them.

#![allow(dead_code)]

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::Command,
};

use super::servers::program;

/// A directory with certificates and keys: `NAME.pem`, `NAME.key`.
pub struct Pki<'d>(pub &'d Path);

impl Pki<'_> {
    /// Where a file is.
    pub fn file(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// An authority.
    pub fn authority(&self, name: &str) {
        self.make(name, &["-addext", "basicConstraints=critical,CA:TRUE"]);
    }

    /// A server's certificate for 127.0.0.1 and localhost.
    pub fn server(&self, name: &str, authority: &str) {
        let usage = "extendedKeyUsage=serverAuth";
        self.signed(
            name,
            authority,
            &["subjectAltName=IP:127.0.0.1,DNS:localhost", usage],
            30,
        );
    }

    /// A client's certificate with a name (`DNS:...`, `IP:...`, `URI:...`), good for so many days (run out: -1).
    pub fn client(&self, name: &str, authority: &str, alternative: &str, days: i32) {
        let names = format!("subjectAltName={alternative}");
        self.signed(name, authority, &[&names, "extendedKeyUsage=clientAuth"], days);
    }

    fn signed(&self, name: &str, authority: &str, extensions: &[&str], days: i32) {
        // In two steps: `openssl req -x509` of OpenSSL 3.0 cannot make one that has run out.
        let file = |suffix: &str| self.file(&format!("{name}.{suffix}")).display().to_string();
        let of_authority = |suffix: &str| self.file(&format!("{authority}.{suffix}")).display().to_string();
        fs::write(file("ext"), extensions.join("\n") + "\nbasicConstraints=CA:FALSE\n").unwrap();
        let subject = format!("/CN={name}");
        openssl(&[
            "req",
            "-new",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:P-256",
            "-nodes",
            "-subj",
            &subject,
            "-keyout",
            &file("key"),
            "-out",
            &file("csr"),
        ]);
        openssl(&[
            "x509",
            "-req",
            "-in",
            &file("csr"),
            "-CA",
            &of_authority("pem"),
            "-CAkey",
            &of_authority("key"),
            "-CAcreateserial",
            "-days",
            &days.to_string(),
            "-extfile",
            &file("ext"),
            "-out",
            &file("pem"),
        ]);
        self.hide(name);
    }

    fn make(&self, name: &str, more: &[&str]) {
        let file = |suffix: &str| self.file(&format!("{name}.{suffix}")).display().to_string();
        let (key, certificate, subject) = (file("key"), file("pem"), format!("/CN={name}"));
        let mut arguments = vec![
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:P-256",
            "-nodes",
            "-days",
            "30",
            "-subj",
            &subject,
            "-keyout",
            &key,
            "-out",
            &certificate,
        ];
        arguments.extend(more);
        openssl(&arguments);
        self.hide(name);
    }

    fn hide(&self, name: &str) {
        let key = self.file(&format!("{name}.key"));
        fs::set_permissions(key, fs::Permissions::from_mode(0o600)).unwrap();
    }
}

fn openssl(arguments: &[&str]) {
    let made = Command::new(program("openssl", "openssl"))
        .args(arguments)
        .output()
        .unwrap();
    assert!(
        made.status.success(),
        "{arguments:?}: {}",
        String::from_utf8_lossy(&made.stderr)
    );
}
