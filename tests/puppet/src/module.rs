//! The puppet itself: a core module, written as text, made a component of the puppet's world.

use std::fmt::Write;

use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};
use wit_parser::abi::WasmType;

use crate::imports::{Import, imports, world};
use crate::program::{OPERATIONS, Place};

/// The address of what `complete` returns: a `result`, then `completion`: `id`, `model`, `parts`
/// (16 bytes on), `finish-reason` (28 bytes on).
pub const RESULT_COMPLETION: u64 = 256;
/// The address of what `next` returns: a `result`, then the list's address and length.
pub const RESULT_DELTAS: u64 = 600;
/// The address of what `describe` returns.
pub const RESULT_INFO: u64 = 768;

const RESULT_STREAM: u32 = 512;
const EVENTS: [u32; 3] = [1024, 1280, 1536];
const PART: u32 = 2048;
const TEXTS: u32 = 3000;
/// A free place for what imports return.
const SCRATCH: u32 = 4096;
/// The setting in which `describe` finds its program.
const SETTING: &str = "program";

/// A puppet that is to be made.
#[derive(Clone, Debug, Default)]
pub struct Puppet {
    /// Instructions in the place of `cabi_realloc`, such as `unreachable`.
    pub realloc: Option<&'static str>,
    /// Instructions of a start function, which run when the guest is instantiated.
    pub start: Option<&'static str>,
}

impl Puppet {
    /// Makes the component.
    ///
    /// # Panics
    /// When the module can't be made, which a test should tell.
    #[allow(clippy::expect_used, reason = "of tests, which speak by failing")]
    pub fn component(&self) -> Vec<u8> {
        let mut module = wat::parse_str(self.module()).expect("the module can be written");
        let (resolve, world) = world();
        embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8)
            .expect("the module can be described");
        let encoder = ComponentEncoder::default().validate(true).module(&module);
        encoder.expect("the module fits").encode().expect("the component can be made")
    }

    fn module(&self) -> String {
        let imports = imports();
        let mut text = String::from("(module\n(type $step (func))\n");
        for (index, import) in imports.iter().enumerate() {
            let Import { module, name, params, results, .. } = import;
            let (params, results) = (types("param", params), types("result", results));
            push(
                &mut text,
                &format!("(import {module:?} {name:?} (func $i{index}{params}{results}))"),
            );
        }
        push(&mut text, STREAM);
        push(&mut text, r#"(memory (export "memory") 2)"#);
        push(&mut text, &format!("(data (i32.const 0) \"{}\")", escaped(&image())));
        let realloc = self.realloc.unwrap_or("(call $allocate (local.get 3))");
        push(
            &mut text,
            &format!(
                r#"(func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) {realloc})"#
            ),
        );
        if let Some(start) = self.start {
            push(&mut text, &format!("(func $start {start}) (start $start)"));
        }
        push(&mut text, MACHINE);
        let mut steps: Vec<String> = OPERATIONS.iter().map(|name| format!("${name}")).collect();
        for (index, import) in imports.iter().enumerate() {
            push(&mut text, &step(index, import));
            steps.push(format!("$s{index}"));
        }
        let (count, steps) = (steps.len(), steps.join(" "));
        push(
            &mut text,
            &format!(
                "(table $steps {count} funcref) (elem (table $steps) (i32.const 0) func {steps})"
            ),
        );
        push(&mut text, &exports(&imports));
        text + ")"
    }
}

fn push(text: &mut String, line: &str) {
    text.push_str(line);
    text.push('\n');
}

fn types(keyword: &str, types: &[WasmType]) -> String {
    let names: Vec<&str> = types.iter().map(|it| name(*it)).collect();
    if names.is_empty() { String::new() } else { format!(" ({keyword} {})", names.join(" ")) }
}

fn name(of: WasmType) -> &'static str {
    match of {
        WasmType::I32 | WasmType::Pointer | WasmType::Length => "i32",
        WasmType::I64 | WasmType::PointerOrI64 => "i64",
        WasmType::F32 => "f32",
        WasmType::F64 => "f64",
    }
}

/// The step that calls an import with arguments from the program.
fn step(index: usize, import: &Import) -> String {
    let arguments: String = import
        .params
        .iter()
        .map(|param| match name(*param) {
            "i32" => "(i32.wrap_i64 (call $argument))",
            "i64" => "(call $argument)",
            "f32" => "(f32.reinterpret_i32 (i32.wrap_i64 (call $argument)))",
            _ => "(f64.reinterpret_i64 (call $argument))",
        })
        .collect();
    let call = format!("(call $i{index} {arguments})");
    let kept = match import.results.first().map(|result| name(*result)) {
        None => call,
        Some("i32") => format!("(global.set $last (i64.extend_i32_u {call}))"),
        Some("i64") => format!("(global.set $last {call})"),
        Some(_) => format!("(drop {call})"),
    };
    format!("(func $s{index} {kept})")
}

/// Calls the program if it is for this place.
fn run_if(place: Place) -> String {
    format!(
        "(if (i32.eq (global.get $place) (i32.const {})) (then (call $run)))",
        u32::from(place.letter())
    )
}

/// The functions of the contract.
fn exports(imports: &[Import]) -> String {
    let get = imports.iter().position(|it| it.interface == "arete:provider/config");
    let get = get.unwrap_or_default();
    let chat = "arete:provider/chat@0.1.1";
    let (setting, length) = (TEXTS, SETTING.len());
    let [call, next, drop, post, describe] =
        [Place::Call, Place::Next, Place::Drop, Place::PostReturn, Place::Describe].map(run_if);
    let [start, text, finish] = EVENTS;
    format!(
        r#"
(func (export "{chat}#describe") (result i32)
  (call $i{get} (i32.const {setting}) (i32.const {length}) (i32.const {SCRATCH}))
  (if (i32.load8_u (i32.const {SCRATCH})) (then
    (call $told (i32.load offset=4 (i32.const {SCRATCH})) (i32.load offset=8 (i32.const {SCRATCH})))))
  {describe}
  (i32.const {RESULT_INFO}))
(func (export "{chat}#complete") (param i32) (result i32)
  (call $asked (local.get 0))
  {call}
  (i32.const {RESULT_COMPLETION}))
(func (export "cabi_post_{chat}#complete") (param i32) {post})
(func (export "{chat}#open-stream") (param i32) (result i32)
  (call $asked (local.get 0))
  {call}
  (i32.store offset=4 (i32.const {RESULT_STREAM})
    (if (result i32) (global.get $returned)
      (then (global.get $returned))
      (else (call $new (i32.const 1)))))
  (i32.const {RESULT_STREAM}))
(func (export "{chat}#[method]deltas.next") (param i32) (result i32)
  (i32.store offset=4 (i32.const {RESULT_DELTAS})
    (select (i32.const {start}) (select (i32.const {text}) (i32.const {finish}) (i32.eq (global.get $turn) (i32.const 1))) (i32.eqz (global.get $turn))))
  (i32.store offset=8 (i32.const {RESULT_DELTAS}) (i32.lt_u (global.get $turn) (i32.const 3)))
  (global.set $turn (i32.add (global.get $turn) (i32.const 1)))
  {next}
  (i32.const {RESULT_DELTAS}))
(func (export "{chat}#[dtor]deltas") (param i32) {drop})
"#
    )
}

const STREAM: &str = r#"
(import "[export]arete:provider/chat@0.1.1" "[resource-new]deltas" (func $new (param i32) (result i32)))
"#;

/// The functions that run programs.
const MACHINE: &str = r"
(global $heap (mut i32) (i32.const 65536))
(global $place (mut i32) (i32.const 0))
(global $begin (mut i32) (i32.const 0))
(global $at (mut i32) (i32.const 0))
(global $end (mut i32) (i32.const 0))
(global $last (mut i64) (i64.const 0))
(global $rounds (mut i64) (i64.const 0))
(global $returned (mut i32) (i32.const 0))
(global $turn (mut i32) (i32.const 0))

(func $allocate (param $size i32) (result i32)
  (local $from i32) (local $missing i32)
  (local.set $from (i32.and (i32.add (global.get $heap) (i32.const 7)) (i32.const -8)))
  (global.set $heap (i32.add (local.get $from) (local.get $size)))
  (local.set $missing (i32.sub (global.get $heap) (i32.shl (memory.size) (i32.const 16))))
  (if (i32.gt_s (local.get $missing) (i32.const 0)) (then
    (if (i32.eq (memory.grow (i32.add (i32.shr_u (local.get $missing) (i32.const 16)) (i32.const 1))) (i32.const -1))
      (then unreachable))))
  (local.get $from))

;; Takes a program: its first letter is the place.
(func $told (param $from i32) (param $length i32)
  (if (i32.eqz (local.get $length)) (then (return)))
  (global.set $place (i32.load8_u (local.get $from)))
  (global.set $begin (i32.add (local.get $from) (i32.const 1)))
  (global.set $end (i32.add (local.get $from) (local.get $length))))

;; Takes the text of the first message.
(func $asked (param $request i32)
  (local $content i32)
  (local.set $content (i32.load offset=12 (i32.load offset=8 (local.get $request))))
  (call $told (i32.load offset=4 (local.get $content)) (i32.load offset=8 (local.get $content))))

(func $run (local $step i32)
  (global.set $at (global.get $begin))
  (loop $next
    (if (i32.ge_u (global.get $at) (global.get $end)) (then (return)))
    (call_indirect $steps (type $step) (i32.wrap_i64 (call $read (i32.const 4))))
    (br $next)))

;; Reads a number of so many digits.
(func $read (param $digits i32) (result i64) (local $value i64)
  (if (i32.gt_u (i32.add (global.get $at) (local.get $digits)) (global.get $end)) (then
    (global.set $at (global.get $end))
    (return (i64.const 0))))
  (block $done (loop $next
    (br_if $done (i32.eqz (local.get $digits)))
    (local.set $value (i64.or (i64.shl (local.get $value) (i64.const 4))
      (i64.sub (i64.load8_u (global.get $at)) (i64.const 97))))
    (global.set $at (i32.add (global.get $at) (i32.const 1)))
    (local.set $digits (i32.sub (local.get $digits) (i32.const 1)))
    (br $next)))
  (local.get $value))

(func $argument (result i64) (local $value i64) (local $kind i64)
  (local.set $value (call $read (i32.const 16)))
  (local.set $kind (i64.shr_u (local.get $value) (i64.const 48)))
  (if (i64.eq (local.get $kind) (i64.const 0x7fee)) (then (return (global.get $last))))
  (if (i64.eq (local.get $kind) (i64.const 0x7fed)) (then
    (return (i64.extend_i32_u (i32.load (i32.wrap_i64 (local.get $value)))))))
  (local.get $value))
(func $word (result i32) (i32.wrap_i64 (call $argument)))

(func $stop (global.set $at (global.get $end)))
(func $spin (loop $for_ever (br $for_ever)))
(func $recurse (call $recurse) (global.set $turn (i32.const 9)))
(func $trap unreachable)
(func $nothing)
(func $grow (global.set $last (i64.extend_i32_u (memory.grow (call $word)))))
(func $grow_table (global.set $last (i64.extend_i32_u (table.grow $steps (ref.null func) (call $word)))))
(func $fill (memory.fill (call $word) (call $word) (call $word)))
(func $store (i32.store (call $word) (call $word)))
(func $load (global.set $last (i64.extend_i32_u (i32.load (call $word)))))
(func $handle (global.set $returned (call $word)))
(func $again
  (global.set $rounds (i64.add (global.get $rounds) (i64.const 1)))
  (if (i64.lt_u (global.get $rounds) (call $argument)) (then (global.set $at (global.get $begin)))))
(func $write (local $to i32) (local $count i32)
  (local.set $to (call $word))
  (local.set $count (call $word))
  (block $done (loop $next
    (br_if $done (i32.eqz (local.get $count)))
    (i32.store8 (local.get $to) (i32.wrap_i64 (call $read (i32.const 2))))
    (local.set $to (i32.add (local.get $to) (i32.const 1)))
    (local.set $count (i32.sub (local.get $count) (i32.const 1)))
    (br $next))))
";

/// The memory that the puppet begins with: what it returns when nothing is overwritten.
fn image() -> Vec<u8> {
    let mut image = vec![0_u8; SCRATCH as usize];
    let mut put = |at: u32, bytes: &[u8]| {
        let at = at as usize;
        image[at..at + bytes.len()].copy_from_slice(bytes);
    };
    let mut texts = TEXTS;
    let mut text = |value: &str| {
        let pointer = [texts.to_le_bytes(), (value.len() as u32).to_le_bytes()].concat();
        let at = texts;
        texts += value.len() as u32;
        (at, value.as_bytes().to_vec(), pointer)
    };
    let [setting, done, name, version, model] =
        [SETTING, "done", "puppet", "0.0.1", "fixture"].map(&mut text);
    for (at, bytes, _) in [&setting, &done, &name, &version, &model] {
        put(*at, bytes);
    }
    let completion = RESULT_COMPLETION as u32 + 4;
    put(completion, &name.2);
    put(completion + 8, &model.2);
    put(completion + 16, &[PART.to_le_bytes(), 1_u32.to_le_bytes()].concat());
    put(PART + 4, &done.2);
    let info = RESULT_INFO as u32 + 4;
    put(info, &name.2);
    put(info + 8, &version.2);
    put(info + 16, &[1]);
    put(info + 20, &model.2);
    let [start, text, finish] = EVENTS;
    put(start + 4, &name.2);
    put(start + 12, &model.2);
    put(text, &[1]);
    put(text + 8, &done.2);
    put(finish, &[6]);
    image
}

fn escaped(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a text can't fail.
        let _ = write!(text, "\\{byte:02x}");
        text
    })
}
