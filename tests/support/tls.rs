//! Certificates for tests.

use std::path::Path;
use std::process::{Command, Stdio};

/// Key and certificate for `localhost`, made here: two PEM files.
pub fn certificate(dir: &Path) -> (String, String) {
    let [key, pem] = ["key.pem", "cert.pem"].map(|name| dir.join(name).display().to_string());
    let made = Command::new("openssl")
        .args(["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost"])
        .args(["-addext", "subjectAltName=DNS:localhost", "-addext", "basicConstraints=critical,CA:FALSE"])
        .args(["-keyout", &key, "-out", &pem])
        .stderr(Stdio::null())
        .status()
        .expect("openssl is missing: `scripts/test` installs it (apt-get install openssl)");
    assert!(made.success());
    (key, pem)
}
