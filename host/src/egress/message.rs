//! Messages of an `application/vnd.amazon.eventstream`: a length, headers and a payload, each guarded
//! by a checksum. Pure: it takes whole messages out of a buffer.

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::{Buf, BytesMut};
use uuid::Uuid;

use super::request::Header;
use super::secrets::{Redactor, Secrets};

/// The length of a message, that of its headers, and a checksum of both.
const PRELUDE: usize = 12;
/// The checksum of a message, at its end.
const CHECKSUM: usize = 4;

/// A message whose checksums are right.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Message {
    /// Its headers, in order, their values as text.
    pub(crate) headers: Vec<Header>,
    /// Its payload.
    pub(crate) payload: Vec<u8>,
}

/// A reason why there is no message in some bytes, and won't be.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum MessageError {
    /// The message is larger than allowed.
    TooLarge,
    /// The bytes aren't a message.
    Damaged(&'static str),
}

impl Message {
    /// Takes the next message of at most `limit` bytes out of a buffer; nothing until all of it has
    /// come.
    pub(super) fn take(buffer: &mut BytesMut, limit: usize) -> Result<Option<Self>, MessageError> {
        let Some(mut prelude) = buffer.get(..PRELUDE) else { return Ok(None) };
        let expected = crc32fast::hash(&prelude[..PRELUDE - CHECKSUM]);
        let (length, headers) = (prelude.get_u32(), prelude.get_u32());
        if prelude.get_u32() != expected {
            return Err(MessageError::Damaged("the checksum of its lengths is wrong"));
        }
        let [length, headers] =
            [length, headers].map(|it| usize::try_from(it).unwrap_or(usize::MAX));
        if limit < length {
            return Err(MessageError::TooLarge);
        }
        let lengths = MessageError::Damaged("its lengths contradict each other");
        let Some(payload) =
            length.checked_sub(PRELUDE + CHECKSUM).and_then(|it| it.checked_sub(headers))
        else {
            return Err(lengths);
        };
        if buffer.len() < length {
            return Ok(None);
        }
        let mut message = buffer.split_to(length);
        let expected = crc32fast::hash(&message[..length - CHECKSUM]);
        message.advance(PRELUDE);
        let headers = message.split_to(headers);
        let payload = message.split_to(payload);
        if message.get_u32() != expected {
            return Err(MessageError::Damaged("its checksum is wrong"));
        }
        let headers =
            read_headers(&headers).ok_or(MessageError::Damaged("its headers can't be read"))?;
        Ok(Some(Self { headers, payload: payload.into() }))
    }

    /// Takes the host's secrets out of it.
    pub(super) fn without(self, secrets: &Arc<Secrets>) -> Self {
        let headers = self.headers.into_iter().map(|Header { name, value }| Header {
            name: secrets.redact(&name).into_owned(),
            value: secrets.redact(&value).into_owned(),
        });
        let mut redactor = Redactor::new(secrets.clone());
        let mut payload = Vec::with_capacity(self.payload.len());
        redactor.feed(&self.payload, |bytes| payload.extend_from_slice(bytes));
        redactor.end(|bytes| payload.extend_from_slice(bytes));
        Self { headers: headers.collect(), payload }
    }
}

/// Reads headers: a name, a type and a value each.
fn read_headers(mut bytes: &[u8]) -> Option<Vec<Header>> {
    let mut headers = Vec::new();
    while !bytes.is_empty() {
        let length = bytes.try_get_u8().ok()?;
        let name = String::from_utf8(take(&mut bytes, length.into())?.to_vec()).ok()?;
        let value = match bytes.try_get_u8().ok()? {
            0 => "true".to_owned(),
            1 => "false".to_owned(),
            2 => bytes.try_get_i8().ok()?.to_string(),
            3 => bytes.try_get_i16().ok()?.to_string(),
            4 => bytes.try_get_i32().ok()?.to_string(),
            // A number, or a time in milliseconds since 1970.
            5 | 8 => bytes.try_get_i64().ok()?.to_string(),
            6 => {
                let length = bytes.try_get_u16().ok()?;
                STANDARD.encode(take(&mut bytes, length.into())?)
            }
            7 => {
                let length = bytes.try_get_u16().ok()?;
                String::from_utf8(take(&mut bytes, length.into())?.to_vec()).ok()?
            }
            9 => Uuid::from_slice(take(&mut bytes, 16)?).ok()?.to_string(),
            _ => return None,
        };
        headers.push(Header { name, value });
    }
    Some(headers)
}

/// Takes this many bytes.
fn take<'a>(bytes: &mut &'a [u8], count: usize) -> Option<&'a [u8]> {
    let (taken, rest) = bytes.split_at_checked(count)?;
    *bytes = rest;
    Some(taken)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: usize = 1 << 20;

    /// A message as a vendor writes it.
    fn written(headers: &[u8], payload: &[u8]) -> Vec<u8> {
        let length = (PRELUDE + headers.len() + payload.len() + CHECKSUM) as u32;
        let mut bytes = Vec::new();
        bytes.extend(length.to_be_bytes());
        bytes.extend((headers.len() as u32).to_be_bytes());
        bytes.extend(crc32fast::hash(&bytes).to_be_bytes());
        bytes.extend(headers);
        bytes.extend(payload);
        bytes.extend(crc32fast::hash(&bytes).to_be_bytes());
        bytes
    }

    /// Takes all messages out of bytes that come one at a time.
    fn taken(bytes: &[u8]) -> Result<Vec<Message>, MessageError> {
        let (mut buffer, mut messages) = (BytesMut::new(), vec![]);
        for byte in bytes {
            buffer.extend_from_slice(&[*byte]);
            messages.extend(Message::take(&mut buffer, LIMIT)?);
        }
        assert!(buffer.is_empty(), "{} bytes are left", buffer.len());
        Ok(messages)
    }

    #[test]
    fn the_published_test_vectors_are_read() {
        // From the protocol's specification: a message without headers and payload, one with a
        // payload, and one with a header.
        let empty = [0, 0, 0, 0x10, 0, 0, 0, 0, 0x05, 0xc2, 0x48, 0xeb, 0x7d, 0x98, 0xc8, 0xff];
        assert_eq!(taken(&empty), Ok(vec![Message { headers: vec![], payload: vec![] }]));
        let mut payload = vec![0, 0, 0, 0x1d, 0, 0, 0, 0, 0xfd, 0x52, 0x8c, 0x5a];
        payload.extend(b"{'foo':'bar'}");
        payload.extend([0xc3, 0x65, 0x39, 0x36]);
        let message = Message { headers: vec![], payload: b"{'foo':'bar'}".to_vec() };
        assert_eq!(taken(&payload), Ok(vec![message]));
        let mut header = vec![0, 0, 0, 0x3d, 0, 0, 0, 0x20, 0x07, 0xfd, 0x83, 0x96, 12];
        header.extend(b"content-type");
        header.extend([7, 0, 16]);
        header.extend(b"application/json{'foo':'bar'}");
        header.extend([0x8d, 0x9c, 0x08, 0xb1]);
        let headers =
            vec![Header { name: "content-type".into(), value: "application/json".into() }];
        assert_eq!(
            taken(&header),
            Ok(vec![Message { headers, payload: b"{'foo':'bar'}".to_vec() }])
        );
    }

    #[test]
    fn values_of_every_type_are_written_as_text() {
        let mut headers = Vec::new();
        for (kind, value) in [
            (0_u8, &[][..]),
            (1, &[]),
            (2, &[0xff]),
            (3, &[1, 0]),
            (4, &[0, 0, 1, 0]),
            (5, &[0, 0, 0, 0, 0, 0, 1, 0]),
            (6, &[0, 3, 1, 2, 3]),
            (7, &[0, 2, b'o', b'k']),
            (8, &[0, 0, 0, 0, 0, 0, 2, 0]),
            (9, &[0; 16]),
        ] {
            headers.extend([1, b'a', kind]);
            headers.extend(value);
        }
        let messages = taken(&written(&headers, b"")).unwrap();
        let values: Vec<&str> = messages[0].headers.iter().map(|it| &*it.value).collect();
        let nil = "00000000-0000-0000-0000-000000000000";
        assert_eq!(values, ["true", "false", "-1", "256", "256", "256", "AQID", "ok", "512", nil]);
    }

    #[test]
    fn a_flipped_bit_is_never_passed_on() {
        let whole = written(b"\x01a\x07\0\x02ok", b"payload");
        for bit in 0..whole.len() * 8 {
            let mut bytes = whole.clone();
            bytes[bit / 8] ^= 1 << (bit % 8);
            let mut buffer = BytesMut::from(&*bytes);
            assert!(Message::take(&mut buffer, LIMIT).is_err(), "bit {bit}");
        }
    }

    #[test]
    fn lengths_are_held_against_the_limit_and_each_other() {
        let mut buffer = BytesMut::from(&*written(b"", &[0; 100]));
        assert_eq!(Message::take(&mut buffer, 115), Err(MessageError::TooLarge));
        let mut wrong = vec![0, 0, 0, 17, 0, 0, 0, 2];
        wrong.extend(crc32fast::hash(&wrong).to_be_bytes());
        let taken = Message::take(&mut BytesMut::from(&*wrong), LIMIT);
        assert!(matches!(taken, Err(MessageError::Damaged(_))), "{taken:?}");
        let bad = written(b"\x05ab", b"");
        let taken = Message::take(&mut BytesMut::from(&*bad), LIMIT);
        assert!(matches!(taken, Err(MessageError::Damaged(_))), "{taken:?}");
    }
}
