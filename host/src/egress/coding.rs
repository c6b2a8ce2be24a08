//! Content codings of a vendor's answer. The host asks for none, and some servers and proxies
//! encode all the same. What they send is decoded step by step, so that each piece is visible as
//! soon as it came, no step takes long and a small answer can't become a large one unseen.

use std::io;

use compression_codecs::core::util::{PartialBuffer, WriteBuffer};
use compression_codecs::zstd::params::DParameter;
use compression_codecs::{
    BrotliDecoder, DecodeV2, DeflateDecoder, GzipDecoder, ZlibDecoder, ZstdDecoder,
};
use http::{HeaderMap, header};

/// The most bytes that one step gives.
pub(super) const STEP_MAX: usize = 16 << 10;
/// The largest window of zstd, as a power of two: RFC 9659 allows 8 MiB.
const ZSTD_WINDOW: u32 = 23;
/// The first byte of brotli with windows larger than the 16 MiB of RFC 7932, but for its highest
/// bit. No client of HTTP takes it.
const BROTLI_LARGE_WINDOW: u8 = 0x11;
/// The first byte of every member of a gzip file.
const GZIP_MAGIC: u8 = 0x1f;
/// The most characters of a coding's name that are quoted.
const NAME_MAX: usize = 64;

/// A coding that can be undone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Coding {
    Gzip,
    Deflate,
    Brotli,
    Zstd,
}

/// The names of codings that can't be undone, as an answer has them.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct UnknownCoding(pub(super) String);

impl Coding {
    /// Returns the coding of an answer with these headers, if it has one.
    pub(super) fn of(headers: &HeaderMap) -> Result<Option<Self>, UnknownCoding> {
        let values = headers.get_all(header::CONTENT_ENCODING).iter();
        let names = values.map(|value| String::from_utf8_lossy(value.as_bytes()));
        let names = names.collect::<Vec<_>>().join(",").to_ascii_lowercase();
        let mut codings =
            names.split(',').map(str::trim).filter(|name| !matches!(*name, "" | "identity"));
        let coding = match codings.next() {
            None => return Ok(None),
            Some("gzip" | "x-gzip") => Some(Self::Gzip),
            Some("deflate") => Some(Self::Deflate),
            Some("br") => Some(Self::Brotli),
            Some("zstd") => Some(Self::Zstd),
            Some(_) => None,
        };
        // Two, one in the other, nobody makes.
        match (coding, codings.next()) {
            (Some(coding), None) => Ok(Some(coding)),
            _ => Err(UnknownCoding(names.chars().take(NAME_MAX).collect())),
        }
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Gzip => "gzip",
            Self::Deflate => "deflate",
            Self::Brotli => "br",
            Self::Zstd => "zstd",
        }
    }
}

/// The decoder of one answer.
pub(super) struct Decoder {
    pub(super) coding: Coding,
    /// None before the first byte.
    codec: Option<Box<dyn DecodeV2 + Send>>,
    /// The last step filled its output, so there may be more without more input.
    full: bool,
    /// The encoded content is whole. What comes after it is passed over.
    done: bool,
    output: Box<[u8]>,
}

impl Decoder {
    pub(super) fn new(coding: Coding) -> Self {
        let output = vec![0; STEP_MAX].into_boxed_slice();
        Self { coding, codec: None, full: false, done: false, output }
    }

    /// Returns true if a step without input may give something.
    pub(super) fn has_more(&self) -> bool {
        self.full
    }

    /// Takes some of the input and gives what that decodes to. Returns how many bytes it took.
    ///
    /// # Errors
    /// When the input isn't in this coding.
    pub(super) fn step(&mut self, input: &[u8], out: impl FnOnce(&[u8])) -> io::Result<usize> {
        let codec = match (&mut self.codec, input.first()) {
            (Some(codec), _) => codec,
            (none, Some(first)) => none.insert(codec(self.coding, *first)?),
            (None, None) => return Ok(0),
        };
        if self.done {
            // A file of gzip may have several members, one behind the other.
            if self.coding != Coding::Gzip || input.first() != Some(&GZIP_MAGIC) {
                return Ok(input.len());
            }
            codec.reinit()?;
            self.done = false;
        }
        let mut rest = PartialBuffer::new(input);
        let mut output = WriteBuffer::new_initialized(&mut self.output);
        if input.is_empty() {
            codec.flush(&mut output)?;
        } else {
            // Frames of zstd may follow each other, and it goes on with the next by itself.
            self.done = codec.decode(&mut rest, &mut output)? && self.coding != Coding::Zstd;
        }
        self.full = output.has_no_spare_space() && !self.done;
        out(output.written());
        Ok(rest.written_len())
    }

    /// Returns true if the content is whole, now that no more input comes. No content at all is.
    pub(super) fn finish(&mut self) -> bool {
        let Some(codec) = &mut self.codec else { return true };
        let mut output = WriteBuffer::new_initialized(&mut self.output);
        self.done || codec.finish(&mut output).is_ok_and(|finished| finished)
    }
}

/// Returns the codec for content that begins with this byte.
fn codec(coding: Coding, first: u8) -> io::Result<Box<dyn DecodeV2 + Send>> {
    Ok(match coding {
        Coding::Gzip => Box::new(GzipDecoder::new()),
        // What HTTP calls deflate is zlib, and some servers send deflate itself.
        Coding::Deflate if is_zlib(first) => Box::new(ZlibDecoder::new()),
        Coding::Deflate => Box::new(DeflateDecoder::new()),
        Coding::Brotli if first & 0x7f == BROTLI_LARGE_WINDOW => {
            return Err(io::Error::other("its window is larger than 16 MiB"));
        }
        Coding::Brotli => Box::new(BrotliDecoder::new()),
        Coding::Zstd => {
            Box::new(ZstdDecoder::new_with_params(&[DParameter::window_log_max(ZSTD_WINDOW)]))
        }
    })
}

/// Returns true if zlib begins with this byte: method 8, and a window of at most 32 KiB. A block of
/// deflate that began so would be one that no encoder makes.
fn is_zlib(first: u8) -> bool {
    first & 0x0f == 8 && first >> 4 <= 7
}

#[cfg(test)]
pub(super) mod tests {
    use compression_codecs::brotli::params::EncoderParams;
    use compression_codecs::core::Level;
    use compression_codecs::{
        BrotliEncoder, DeflateEncoder, EncodeV2, GzipEncoder, ZlibEncoder, ZstdEncoder,
    };
    use http::HeaderValue;
    use proptest::prelude::*;

    use super::*;

    /// The codings, and both of those that are called deflate.
    const CODINGS: [(&str, Coding); 5] = [
        ("gzip", Coding::Gzip),
        ("zlib", Coding::Deflate),
        ("deflate", Coding::Deflate),
        ("br", Coding::Brotli),
        ("zstd", Coding::Zstd),
    ];

    fn encoder(name: &str) -> Box<dyn EncodeV2> {
        let level = compression_codecs::flate::params::FlateEncoderParams::from(Level::Default);
        match name {
            "gzip" => Box::new(GzipEncoder::new(level)),
            "zlib" => Box::new(ZlibEncoder::new(level)),
            "deflate" => Box::new(DeflateEncoder::new(level)),
            "br" => Box::new(BrotliEncoder::new(EncoderParams::default())),
            "zstd" => Box::new(ZstdEncoder::new(3)),
            name => panic!("{name}"),
        }
    }

    /// Encodes these pieces, flushed after each; the last piece of the output is the end.
    pub(in crate::egress) fn encoded(name: &str, pieces: &[&[u8]]) -> Vec<Vec<u8>> {
        let mut encoder = encoder(name);
        let mut buffer = vec![0; 1 << 16];
        let mut take = |step: &mut dyn FnMut(&mut WriteBuffer<'_>) -> bool| {
            let mut taken = Vec::new();
            loop {
                let mut output = WriteBuffer::new_initialized(&mut buffer);
                let done = step(&mut output);
                taken.extend_from_slice(output.written());
                if done {
                    return taken;
                }
            }
        };
        let mut encoded = Vec::new();
        for piece in pieces {
            let mut input = PartialBuffer::new(*piece);
            let mut bytes = take(&mut |output| {
                if !input.unwritten().is_empty() {
                    encoder.encode(&mut input, output).unwrap();
                }
                input.unwritten().is_empty()
            });
            bytes.extend(take(&mut |output| encoder.flush(output).unwrap()));
            encoded.push(bytes);
        }
        encoded.push(take(&mut |output| encoder.finish(output).unwrap()));
        encoded
    }

    /// Decodes all that these bytes give.
    fn feed(decoder: &mut Decoder, mut input: &[u8], out: &mut Vec<u8>) -> io::Result<()> {
        while !input.is_empty() || decoder.has_more() {
            let before = out.len();
            let taken = decoder.step(input, |bytes| out.extend_from_slice(bytes))?;
            assert!(out.len() - before <= STEP_MAX);
            input = &input[taken..];
        }
        Ok(())
    }

    #[test]
    fn each_piece_is_there_as_soon_as_it_came() {
        for (name, coding) in CODINGS {
            let pieces: [&[u8]; 3] = [b"data: 1\n\n", &[b'x'; 3 * STEP_MAX], b"data: 3\n\n"];
            let mut decoder = Decoder::new(coding);
            let mut out = Vec::new();
            let encoded = encoded(name, &pieces);
            for (index, bytes) in encoded.iter().enumerate() {
                feed(&mut decoder, bytes, &mut out).unwrap();
                let so_far = pieces[..pieces.len().min(index + 1)].concat();
                assert!(out == so_far, "{name}: {} of {}", out.len(), so_far.len());
            }
            assert!(decoder.finish(), "{name}");
        }
    }

    #[test]
    fn content_that_is_cut_off_or_in_no_coding_is_told() {
        for (name, coding) in CODINGS {
            let whole = encoded(name, &[b"some content"]).concat();
            let mut decoder = Decoder::new(coding);
            assert!(decoder.finish(), "no content at all");
            feed(&mut decoder, &whole[..whole.len() - 1], &mut Vec::new()).unwrap();
            assert!(!decoder.finish(), "{name}");
        }
        for coding in [Coding::Gzip, Coding::Deflate, Coding::Brotli, Coding::Zstd] {
            let mut decoder = Decoder::new(coding);
            let fed = feed(&mut decoder, b"{\"error\": \"plain\"}", &mut Vec::new());
            assert!(fed.is_err() || !decoder.finish(), "{coding:?}");
        }
    }

    #[test]
    fn members_of_gzip_and_frames_of_zstd_follow_each_other_and_what_follows_else_is_ignored() {
        for (name, coding) in CODINGS {
            let one = encoded(name, &[b"one "]).concat();
            let two = encoded(name, &[b"two"]).concat();
            let mut out = Vec::new();
            let mut decoder = Decoder::new(coding);
            let several = matches!(coding, Coding::Gzip | Coding::Zstd);
            let rest = if several { two } else { b"rest".to_vec() };
            feed(&mut decoder, &[one, rest].concat(), &mut out).unwrap();
            let expected: &[u8] = if several { b"one two" } else { b"one " };
            assert_eq!(out, expected, "{name}");
            assert!(decoder.finish());
        }
        let mut out = Vec::new();
        let padded = [encoded("gzip", &[b"one"]).concat(), vec![0; 512]].concat();
        feed(&mut Decoder::new(Coding::Gzip), &padded, &mut out).unwrap();
        assert_eq!(out, b"one");
    }

    #[test]
    fn windows_that_take_much_memory_are_refused() {
        assert!(Decoder::new(Coding::Brotli).step(&[0x11, 0x1e, 0], |_| {}).is_err());
        // A frame of zstd with a window of 16 MiB.
        let frame = [0x28, 0xb5, 0x2f, 0xfd, 0x00, 0x70, 0x00, 0x00, 0x00];
        assert!(feed(&mut Decoder::new(Coding::Zstd), &frame, &mut Vec::new()).is_err());
    }

    #[test]
    fn codings_have_their_names() {
        let coding = |values: &[&'static str]| {
            let mut headers = HeaderMap::new();
            values.iter().for_each(|value| {
                headers.append(header::CONTENT_ENCODING, HeaderValue::from_static(value));
            });
            Coding::of(&headers)
        };
        assert_eq!(coding(&[]), Ok(None));
        for none in ["", "identity", "Identity, "] {
            assert_eq!(coding(&[none]), Ok(None), "{none}");
        }
        for (name, expected) in [
            ("gzip", Coding::Gzip),
            ("X-GZip", Coding::Gzip),
            (" deflate", Coding::Deflate),
            ("identity, br", Coding::Brotli),
            ("zstd", Coding::Zstd),
        ] {
            assert_eq!(coding(&[name]), Ok(Some(expected)), "{name}");
        }
        let unknown = |name: &str| Err(UnknownCoding(name.to_owned()));
        assert_eq!(coding(&["compress"]), unknown("compress"));
        assert_eq!(coding(&["gzip, br"]), unknown("gzip, br"));
        assert_eq!(coding(&["gzip", "gzip"]), unknown("gzip,gzip"));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]
        #[test]
        fn however_it_is_cut_the_content_is_the_same(
            seeds in proptest::collection::vec((0_u8..4, 0_usize..20_000), 0..4),
            cut in 1_usize..9_000,
        ) {
            // What packs well, and what doesn't.
            let content: Vec<u8> = seeds.iter().flat_map(|(seed, length)| {
                let mut state = u32::from(*seed);
                (0..*length).map(move |_| {
                    state = state.wrapping_mul(1_664_525).wrapping_add(u32::from(state > 3));
                    state.to_be_bytes()[0]
                })
            }).collect();
            for (name, coding) in CODINGS {
                let encoded = encoded(name, &[&content]).concat();
                let mut decoder = Decoder::new(coding);
                let mut out = Vec::new();
                for piece in encoded.chunks(cut) {
                    feed(&mut decoder, piece, &mut out).unwrap();
                }
                prop_assert!(out == content && decoder.finish(), "{}", name);
            }
        }
    }
}
