//! Authorities of the operator's own, beside those of the system: a company's, or a test's.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use anyhow::{Context, ensure};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

/// The largest file in bytes. The bundle of all public authorities has a quarter of it.
const BYTES_MAX: u64 = 1 << 20;

/// Reads a file of certificates in PEM. Blocks.
pub(super) fn read(path: &Path) -> anyhow::Result<Vec<CertificateDer<'static>>> {
    let unreadable = "it can't be read";
    // Opening what isn't a file, a pipe for one, could wait without end.
    ensure!(std::fs::metadata(path).context(unreadable)?.is_file(), "it is no file");
    let mut pem = Vec::new();
    let file = File::open(path).context(unreadable)?;
    file.take(BYTES_MAX + 1).read_to_end(&mut pem).context(unreadable)?;
    ensure!(pem.len() as u64 <= BYTES_MAX, "it is larger than {} MiB", BYTES_MAX >> 20);
    let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&pem).collect();
    let certificates = certificates.context("a certificate in it isn't PEM")?;
    ensure!(
        !certificates.is_empty(),
        "it has no certificate in PEM, which begins with -----BEGIN CERTIFICATE-----"
    );
    for certificate in &certificates {
        rustls::RootCertStore::empty()
            .add(certificate.clone())
            .context("a certificate in it can't be an authority's")?;
    }
    Ok(certificates)
}
