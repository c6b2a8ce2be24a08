//! The functions of WASI that take lists, with a bound each, checked while the list is still in
//! the guest's memory. The others take numbers and handles; the one that takes a name, to resolve,
//! refuses it unread.

use wasmtime::component::{Linker, Resource, WasmList};
use wasmtime::{Result, StoreContextMut, bail};
use wasmtime_wasi::WasiView;
use wasmtime_wasi::p2::bindings::io::poll::Host as _;
use wasmtime_wasi::p2::bindings::io::streams::{Host as _, HostOutputStream as _, StreamError};
use wasmtime_wasi::p2::{DynOutputStream, DynPollable};

use super::state::CallState;
use crate::plugin::bounds::{POLLABLES_MAX, STREAM_WRITE_MAX};

/// Links all of WASI, with bounds of our own.
pub(super) fn link(linker: &mut Linker<CallState>) -> Result<()> {
    wasmtime_wasi::p2::add_to_linker_async(linker)?;
    linker.allow_shadowing(true);
    linker
        .instance("wasi:io/poll@0.2.12")?
        .func_wrap_async("poll", |store, (pollables,)| Box::new(poll(store, pollables)))?;
    linker.instance("wasi:io/streams@0.2.12")?.func_wrap("[method]output-stream.write", write)?;
    linker.allow_shadowing(false);
    Ok(())
}

/// Waits for one of several pollables.
async fn poll(
    mut store: StoreContextMut<'_, CallState>,
    unread: WasmList<Resource<DynPollable>>,
) -> Result<(Vec<u32>,)> {
    if POLLABLES_MAX < unread.len() {
        bail!("a guest waits for {} things at once, and may for {POLLABLES_MAX}", unread.len());
    }
    let mut pollables = Vec::with_capacity(unread.len());
    for index in 0..unread.len() {
        let Some(pollable) = unread.get(&mut store, index) else { break };
        pollables.push(pollable?);
    }
    Ok((store.data_mut().ctx().table.poll(pollables).await?,))
}

/// Writes to an output stream.
fn write(
    mut store: StoreContextMut<'_, CallState>,
    (stream, unread): (Resource<DynOutputStream>, WasmList<u8>),
) -> Result<(Result<(), StreamError>,)> {
    if STREAM_WRITE_MAX < unread.len() {
        bail!("a guest writes {} bytes at once, and may write {STREAM_WRITE_MAX}", unread.len());
    }
    let bytes = unread.as_le_slice(&store).to_vec();
    let table = store.data_mut().ctx().table;
    match table.write(stream, bytes) {
        Ok(()) => Ok((Ok(()),)),
        Err(error) => Ok((Err(table.convert_stream_error(error)?),)),
    }
}
