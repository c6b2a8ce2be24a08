//! Functions of the contract that take texts: the texts stay in the guest's memory until a bound
//! has been checked.

use wasmtime::component::{ComponentType, HasSelf, Lift, Linker, Resource, WasmList, WasmStr};
use wasmtime::{Result, StoreContextMut};

use super::bindings::arete::provider::{call, config, http, log::Level};
use super::log_line::LogLine;
use super::state::CallState;
use crate::contract::generated::arete::provider::{llm, wishes};
use crate::egress::Reply;
use crate::plugin::bounds::{LOG_FIELDS_MAX, NAME_MAX};

/// A field of a line of log, not yet read.
#[derive(ComponentType, Lift)]
#[component(record)]
struct UnreadField {
    name: WasmStr,
    value: WasmStr,
}

/// Links the contract.
pub(super) fn link(linker: &mut Linker<CallState>) -> Result<()> {
    llm::add_to_linker::<_, HasSelf<CallState>>(linker, |state| state)?;
    http::add_to_linker::<_, HasSelf<CallState>>(linker, |state| state)?;
    call::add_to_linker::<_, HasSelf<CallState>>(linker, |state| state)?;
    wishes::add_to_linker::<_, HasSelf<CallState>>(linker, |state| state)?;
    config::add_to_linker::<_, HasSelf<CallState>>(linker, |state| state)?;
    linker.allow_shadowing(true);
    linker.instance("arete:provider/log@0.1.1")?.func_wrap("write", write)?;
    linker.instance("arete:provider/config@0.1.1")?.func_wrap("get", get)?;
    linker
        .instance("arete:provider/http@0.1.1")?
        .func_wrap("[method]reply.find-header", find_header)?;
    linker.allow_shadowing(false);
    Ok(())
}

/// Writes a line of log.
fn write(
    mut store: StoreContextMut<'_, CallState>,
    (level, message, fields): (Level, WasmStr, WasmList<UnreadField>),
) -> Result<()> {
    if !store.data().log.takes(level) {
        return Ok(());
    }
    let mut line = LogLine::new(&message.to_str(&store)?);
    for index in 0..fields.len().min(LOG_FIELDS_MAX) {
        let Some(field) = fields.get(&mut store, index) else { break };
        let UnreadField { name, value } = field?;
        if !line.field(&name.to_str(&store)?, &value.to_str(&store)?) {
            break;
        }
    }
    store.data().log.write(level, &line);
    Ok(())
}

/// Returns a setting that the operator gave the provider. No setting has a name so long that it
/// isn't looked for.
fn get(store: StoreContextMut<'_, CallState>, (key,): (WasmStr,)) -> Result<(Option<String>,)> {
    let key = key.to_str(&store)?;
    if NAME_MAX < key.len() {
        return Ok((None,));
    }
    Ok((store.data().setting(&key).cloned(),))
}

/// Returns a header of a reply. No header has a name so long that it isn't looked for.
fn find_header(
    mut store: StoreContextMut<'_, CallState>,
    (reply, name): (Resource<Reply>, WasmStr),
) -> Result<(Option<String>,)> {
    let name = {
        let name = name.to_str(&store)?;
        if NAME_MAX < name.len() {
            return Ok((None,));
        }
        name.into_owned()
    };
    Ok((store.data_mut().reply(&reply)?.header(&name),))
}
