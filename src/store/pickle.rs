//! The part of Python's pickles that `torch.save` of a state dict uses. A pickle is a program; this machine runs it without doing
//! anything: of what it may call, only what rebuilds tensors is known, and the rest is refused by name.
//!
//! Values lie in one list and name each other by their number in it, so that a pickle that nests deeply, repeats itself, or holds
//! itself costs neither stack nor memory beyond its own length.

use std::collections::{BTreeMap, BTreeSet};

type Result<T> = std::result::Result<T, String>;

/// A tensor as a pickle describes it; nothing of it is checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Claim<'a> {
    /// Type of the numbers: Float, Half, ..
    pub(super) kind: &'a str,
    /// Name of the storage that holds them.
    pub(super) storage: &'a str,
    /// Numbers in the storage.
    pub(super) count: u64,
    /// Number of the storage at which the tensor begins.
    pub(super) offset: u64,
    /// Numbers along each axis.
    pub(super) shape: Vec<usize>,
    /// Numbers from one entry to the next along each axis.
    pub(super) strides: Vec<usize>,
}

/// Values that a pickle may make; 50,000 tensors make as many.
const MAX_VALUES: usize = 1 << 20;
/// Axes of a tensor.
const MAX_AXES: usize = 8;
/// Tensors of a state dict.
const MAX_TENSORS: usize = 100_000;
/// Lists, tuples and dicts that are begun inside one another.
const MAX_DEPTH: usize = 1000;

/// Keys that an error lists.
const MOST_KEYS: usize = 8;

/// The tensors of a pickled state dict, or those of the only state dict in what a training saved (`{"model": .., "epoch": ..}`).
///
/// # Errors
/// What is wrong with the pickle; the keys of several state dicts, of which nothing says which one is meant.
pub(super) fn tensors(data: &[u8]) -> Result<BTreeMap<&str, Claim<'_>>> {
    let mut machine = Machine { data, values: Vec::new(), stack: Vec::new(), marks: Vec::new(), memo: BTreeMap::new() };
    let root = machine.run()?;
    let entries = machine.state_dict(root)?;
    if entries.len() > MAX_TENSORS {
        return Err(format!("it holds {} tensors, more than {MAX_TENSORS}", entries.len()));
    }
    let mut tensors = BTreeMap::new();
    for (key, value) in entries {
        if let (Value::Text(name), Value::Tensor(parts)) = (&machine.values[*key], &machine.values[*value]) {
            tensors.insert(
                *name,
                machine.claim(*parts).ok_or_else(|| format!("the tensor {name} is not described as PyTorch does"))?,
            );
        }
    }
    Ok(tensors)
}

/// A value's number in the machine's list.
type Id = usize;

#[derive(Debug)]
enum Value<'a> {
    /// None, true, false, bytes, and numbers that describe no tensor.
    Other,
    Int(i64),
    Text(&'a str),
    Callable(Callable<'a>),
    Tuple(Vec<Id>),
    List,
    Dict(Vec<(Id, Id)>),
    /// The tuple that names it.
    Storage(Id),
    /// The tuple of its parts.
    Tensor(Id),
}

/// What a pickle may name.
#[derive(Debug)]
enum Callable<'a> {
    OrderedDict,
    Tensor,
    Parameter,
    /// A type of numbers: Float of `torch.FloatStorage`.
    Storage(&'a str),
}

struct Machine<'a> {
    /// What is not read yet.
    data: &'a [u8],
    values: Vec<Value<'a>>,
    stack: Vec<Id>,
    marks: Vec<usize>,
    memo: BTreeMap<usize, Id>,
}

impl<'a> Machine<'a> {
    fn run(&mut self) -> Result<Id> {
        loop {
            match self.byte()? {
                b'.' => return self.pop(),
                op => self.step(op)?,
            }
        }
    }

    /// Opcodes as Python's `pickletools` lists them.
    fn step(&mut self, op: u8) -> Result<()> {
        match op {
            0x80 => self.take(1).map(drop),                                           // PROTO
            0x95 => self.take(8).map(drop),                                           // FRAME
            b'(' => self.mark(),                                                      // MARK
            b'0' => self.pop().map(drop),                                             // POP
            b'1' => self.pop_mark().map(drop),                                        // POP_MARK
            b'N' | 0x88 | 0x89 => self.push(Value::Other),                            // NONE, NEWTRUE, NEWFALSE
            b'G' => self.skip(8),                                                     // BINFLOAT
            b'J' | b'K' | b'M' | 0x8a => self.integer(op),                            // BININT, BININT1, BININT2, LONG1
            b'X' | 0x8c | 0x8d | b'T' | b'U' => self.text(op),                        // BINUNICODE, SHORT_, 8; BINSTRING, SHORT_
            b'B' | b'C' | 0x8e => self.bytes(op),                                     // BINBYTES, SHORT_, 8
            b'}' => self.push(Value::Dict(Vec::new())),                               // EMPTY_DICT
            b']' => self.push(Value::List),                                           // EMPTY_LIST
            b')' => self.push(Value::Tuple(Vec::new())),                              // EMPTY_TUPLE
            b't' => self.pop_mark().and_then(|items| self.push(Value::Tuple(items))), // TUPLE
            0x85..=0x87 => self.tuple(usize::from(op - 0x84)),                        // TUPLE1, TUPLE2, TUPLE3
            b'q' | b'r' | 0x94 => self.remember(op),                                  // BINPUT, LONG_BINPUT, MEMOIZE
            b'h' | b'j' => self.recall(op),                                           // BINGET, LONG_BINGET
            b'a' => self.pop().map(drop),                                             // APPEND: nothing asks what lists hold
            b'e' => self.pop_mark().map(drop),                                        // APPENDS
            b's' | b'u' => self.set_items(op),                                        // SETITEM, SETITEMS
            b'b' => self.pop().map(drop),   // BUILD: attributes of a dict, such as its versions
            b'c' | 0x93 => self.global(op), // GLOBAL, STACK_GLOBAL
            b'R' => self.reduce(),          // REDUCE
            b'Q' => self.storage(),         // BINPERSID
            _ => Err(format!("its pickle has the operation {op:#04x}, which no state dict needs")),
        }
    }

    // ---- bytes

    fn take(&mut self, count: usize) -> Result<&'a [u8]> {
        let (taken, rest) = self.data.split_at_checked(count).ok_or("its pickle is cut off")?;
        self.data = rest;
        Ok(taken)
    }

    fn byte(&mut self) -> Result<u8> {
        Ok(self.take(1)?[0])
    }

    /// A number without sign, the least significant byte first.
    fn number(&mut self, count: usize) -> Result<usize> {
        Ok(self.take(count)?.iter().rev().fold(0, |sum, &byte| (sum << 8) | usize::from(byte)))
    }

    fn line(&mut self) -> Result<&'a str> {
        let length = self.data.iter().position(|&b| b == b'\n').ok_or("its pickle is cut off")?;
        let line = self.take(length + 1)?;
        std::str::from_utf8(&line[..length]).map_err(|_| "its pickle holds a name that is no text".to_owned())
    }

    // ---- the stack

    fn push(&mut self, value: Value<'a>) -> Result<()> {
        if self.values.len() >= MAX_VALUES {
            return Err(format!("its pickle makes more than {MAX_VALUES} values"));
        }
        self.stack.push(self.values.len());
        self.values.push(value);
        Ok(())
    }

    fn pop(&mut self) -> Result<Id> {
        let floor = self.marks.last().copied().unwrap_or(0);
        let top = if self.stack.len() > floor { self.stack.pop() } else { None };
        top.ok_or_else(|| "its pickle takes what it did not make".to_owned())
    }

    fn top(&self) -> Result<Id> {
        self.stack.last().copied().ok_or_else(|| "its pickle takes what it did not make".to_owned())
    }

    fn mark(&mut self) -> Result<()> {
        self.marks.push(self.stack.len());
        if self.marks.len() > MAX_DEPTH { Err(format!("its pickle nests more than {MAX_DEPTH} deep")) } else { Ok(()) }
    }

    fn pop_mark(&mut self) -> Result<Vec<Id>> {
        let mark = self.marks.pop().ok_or("its pickle ends what it did not begin")?;
        Ok(self.stack.split_off(mark.min(self.stack.len())))
    }

    fn tuple(&mut self, count: usize) -> Result<()> {
        let mut items = (0..count).map(|_| self.pop()).collect::<Result<Vec<Id>>>()?;
        items.reverse();
        self.push(Value::Tuple(items))
    }

    fn remember(&mut self, op: u8) -> Result<()> {
        let key = match op {
            b'q' => self.number(1)?,
            b'r' => self.number(4)?,
            _ => self.memo.len(),
        };
        let top = self.top()?;
        self.memo.insert(key, top);
        Ok(())
    }

    fn recall(&mut self, op: u8) -> Result<()> {
        let key = self.number(if op == b'h' { 1 } else { 4 })?;
        let id = self.memo.get(&key).ok_or("its pickle recalls what it did not remember")?;
        self.stack.push(*id);
        Ok(())
    }

    // ---- values

    fn skip(&mut self, count: usize) -> Result<()> {
        self.take(count)?;
        self.push(Value::Other)
    }

    fn integer(&mut self, op: u8) -> Result<()> {
        let value = match op {
            b'J' => i64::from(self.number(4)? as u32 as i32),
            b'K' => self.number(1)? as i64,
            b'M' => self.number(2)? as i64,
            _ => {
                let count = self.number(1)?;
                let bytes = self.take(count)?;
                let sign = if bytes.last().is_some_and(|b| b & 0x80 != 0) { u8::MAX } else { 0 };
                let byte = |i: usize| bytes.get(i).copied().unwrap_or(sign);
                if count > 8 {
                    return self.push(Value::Other);
                }
                i64::from_le_bytes(std::array::from_fn(byte))
            }
        };
        self.push(Value::Int(value))
    }

    fn text(&mut self, op: u8) -> Result<()> {
        let length = self.number(match op {
            0x8c | b'U' => 1,
            0x8d => 8,
            _ => 4,
        })?;
        let text = std::str::from_utf8(self.take(length)?).map_err(|_| "its pickle holds a text that is no UTF-8")?;
        self.push(Value::Text(text))
    }

    fn bytes(&mut self, op: u8) -> Result<()> {
        let length = self.number(match op {
            b'C' => 1,
            b'B' => 4,
            _ => 8,
        })?;
        self.skip(length)
    }

    fn set_items(&mut self, op: u8) -> Result<()> {
        let items = if op == b'u' {
            self.pop_mark()?
        } else {
            let (value, key) = (self.pop()?, self.pop()?);
            vec![key, value]
        };
        let top = self.top()?;
        match self.values.get_mut(top) {
            Some(Value::Dict(entries)) => entries.extend(items.as_chunks::<2>().0.iter().map(|&[key, value]| (key, value))),
            _ => return Err("its pickle puts items into what is no dict".to_owned()),
        }
        Ok(())
    }

    fn global(&mut self, op: u8) -> Result<()> {
        let (module, name) = if op == b'c' {
            (self.line()?, self.line()?)
        } else {
            let (name, module) = (self.pop()?, self.pop()?);
            match (&self.values[module], &self.values[name]) {
                (Value::Text(module), Value::Text(name)) => (*module, *name),
                _ => return Err("its pickle names what is no text".to_owned()),
            }
        };
        let callable = match (module, name) {
            ("collections", "OrderedDict") => Callable::OrderedDict,
            ("torch._utils", "_rebuild_tensor_v2") => Callable::Tensor,
            ("torch._utils", "_rebuild_parameter") => Callable::Parameter,
            ("torch" | "torch.storage", _) if name.ends_with("Storage") => Callable::Storage(name.trim_end_matches("Storage")),
            _ => return Err(format!("it asks for {module}.{name}, which is never run")),
        };
        self.push(Value::Callable(callable))
    }

    fn reduce(&mut self) -> Result<()> {
        let (arguments, callable) = (self.pop()?, self.pop()?);
        let value = match (&self.values[callable], &self.values[arguments]) {
            (Value::Callable(Callable::OrderedDict), Value::Tuple(parts)) if parts.is_empty() => Value::Dict(Vec::new()),
            (Value::Callable(Callable::Tensor), Value::Tuple(_)) => Value::Tensor(arguments),
            (Value::Callable(Callable::Parameter), Value::Tuple(parts)) => match parts.first().map(|&id| &self.values[id]) {
                Some(Value::Tensor(tensor)) => Value::Tensor(*tensor),
                _ => return Err("its pickle makes a parameter of what is no tensor".to_owned()),
            },
            _ => return Err("its pickle calls what cannot be called so".to_owned()),
        };
        self.push(value)
    }

    fn storage(&mut self) -> Result<()> {
        let parts = self.pop()?;
        self.push(Value::Storage(parts))
    }

    // ---- tensors

    fn entries(&self, id: Id) -> Option<&[(Id, Id)]> {
        match &self.values[id] {
            Value::Dict(entries) => Some(entries),
            _ => None,
        }
    }

    /// The entries of the root, or of the one dict in it that holds tensors with an axis.
    fn state_dict(&self, root: Id) -> Result<&[(Id, Id)]> {
        let own = self.entries(root).ok_or("it holds no dict of tensors")?;
        let has_weights = |entries: &[(Id, Id)]| {
            entries.iter().any(|&(_, value)| match self.values[value] {
                Value::Tensor(parts) => self.claim(parts).is_none_or(|claim| !claim.shape.is_empty()),
                _ => false,
            })
        };
        let key = |&(key, value): &(Id, Id)| match (&self.values[key], self.entries(value)) {
            (Value::Text(name), Some(inner)) if value != root && has_weights(inner) => Some((*name, inner)),
            _ => None,
        };
        // A dict may stand under many keys; it is looked at once.
        let mut seen = BTreeSet::new();
        let inner: Vec<(&str, &[(Id, Id)])> = own.iter().filter(|(_, value)| seen.insert(*value)).filter_map(key).collect();
        match (has_weights(own), &inner[..]) {
            (true, []) => Ok(own),
            (false, &[(_, inner)]) => Ok(inner),
            (false, []) if own.is_empty() => Ok(own),
            (false, []) => Err(format!("it holds no tensors, but the keys {}", self.keys(own))),
            (_, several) => {
                let names: Vec<&str> = several.iter().map(|(name, _)| *name).take(MOST_KEYS).collect();
                let beside = if has_weights(own) { " beside tensors of its own" } else { "" };
                Err(format!("it holds state dicts by the keys {}{beside}", names.join(", ")))
            }
        }
    }

    fn keys(&self, entries: &[(Id, Id)]) -> String {
        let name = |&(key, _): &(Id, Id)| if let Value::Text(name) = self.values[key] { Some(name) } else { None };
        entries.iter().filter_map(name).take(MOST_KEYS).collect::<Vec<_>>().join(", ")
    }

    /// The arguments of `_rebuild_tensor_v2`: storage, offset, shape, strides, and what only training needs.
    fn claim(&self, parts: Id) -> Option<Claim<'a>> {
        let [storage, offset, shape, strides, ..] = self.items(parts)?[..] else { return None };
        let Value::Storage(named) = self.values[storage] else { return None };
        // ("storage", torch.FloatStorage, its name, the device that it was on, numbers in it)
        let [_, kind, name, _, count] = self.items(named)?[..] else { return None };
        let (Value::Callable(Callable::Storage(kind)), Value::Text(storage)) = (&self.values[kind], &self.values[name]) else {
            return None;
        };
        let (shape, strides) = (self.sizes(shape)?, self.sizes(strides)?);
        let (count, offset) = (u64::try_from(self.int(count)?).ok()?, u64::try_from(self.int(offset)?).ok()?);
        (shape.len() == strides.len()).then_some(Claim { kind, storage, count, offset, shape, strides })
    }

    fn items(&self, tuple: Id) -> Option<&[Id]> {
        match &self.values[tuple] {
            Value::Tuple(items) => Some(items),
            _ => None,
        }
    }

    fn int(&self, id: Id) -> Option<i64> {
        match self.values[id] {
            Value::Int(value) => Some(value),
            _ => None,
        }
    }

    fn sizes(&self, tuple: Id) -> Option<Vec<usize>> {
        let items = self.items(tuple).filter(|items| items.len() <= MAX_AXES)?;
        items.iter().map(|&id| usize::try_from(self.int(id)?).ok()).collect()
    }
}
