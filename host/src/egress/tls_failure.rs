//! The words for a connection that TLS refused: what is wrong, with whom, and who can mend it.

use std::error::Error;
use std::io;

use rustls::CertificateError;
use url::Url;

use super::error::chain;

/// Returns the sentence for a failure of TLS, if it was one.
pub(super) fn sentence(error: &(dyn Error + 'static), provider: &str, url: &Url) -> Option<String> {
    let error = find(error)?;
    let origin = url.origin().ascii_serialization();
    let refused = format!("provider {provider} isn't connected to {origin}");
    let rustls::Error::InvalidCertificate(certificate) = error else {
        return Some(format!(
            "{refused}: TLS failed ({error}); the origin in the provider's file may be that of a server without TLS, or of \
             another kind of TLS"
        ));
    };
    Some(match certificate {
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            format!(
                "{refused}: the server's certificate is for other names. The origin in the provider's file must have a name \
             that the certificate has, or the server needs a certificate for this one"
            )
        }
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => format!(
            "{refused}: the server's certificate has expired. Whoever runs the server must renew it; if it is valid \
             elsewhere, this machine's clock is wrong"
        ),
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => format!(
            "{refused}: the server's certificate isn't valid yet. If it is valid elsewhere, this machine's clock is wrong"
        ),
        // One that was made anew keeps its name, and signs with another key.
        CertificateError::UnknownIssuer | CertificateError::BadSignature => format!(
            "{refused}: this machine doesn't know the authority that signed the server's certificate. If it is the \
             operator's own, its certificate belongs into the file LLM_CA_FILE"
        ),
        CertificateError::Revoked => format!("{refused}: the server's certificate was revoked"),
        other => format!("{refused}: the server's certificate can't be trusted ({other})"),
    })
}

/// Returns the error of TLS among an error and its sources.
fn find<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a rustls::Error> {
    chain(error).find_map(within)
}

/// Returns the error of TLS that an error is, or that an error of I/O holds, which doesn't name it
/// as its source.
fn within<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a rustls::Error> {
    if let Some(error) = error.downcast_ref::<rustls::Error>() {
        return Some(error);
    }
    within(error.downcast_ref::<io::Error>()?.get_ref()?)
}
