//! Code that documentation quotes stands in the file that it is quoted from: `<!-- from path -->`
//! before a block says which.

use super::file::File;

const FROM: &str = "<!-- from ";

pub(super) fn check(files: &[File]) -> Vec<String> {
    let mut complaints = Vec::new();
    for file in files.iter().filter(|file| file.is("md")) {
        for (index, quote) in file.text.split(FROM).enumerate().skip(1) {
            let Some((path, rest)) = quote.split_once(" -->\n") else { continue };
            let block = rest.split_once("```").and_then(|(_, rest)| rest.split_once('\n'));
            let block =
                block.and_then(|(_, rest)| rest.split_once("```")).map_or("", |(block, _)| block);
            let quoted =
                files.iter().any(|source| source.path == path && source.text.contains(block));
            if block.is_empty() || !quoted {
                complaints.push(format!(
                    "{}: excerpt {index} isn't in {path} as it is quoted",
                    file.path
                ));
            }
        }
    }
    complaints
}
