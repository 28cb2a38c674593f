//! The x86-64 instructions that functions begin with: how long they are, and what they do to registers and stack. What is not known here ends
//! the look at a function; nothing is guessed.

/// A register by its number: 0 rax, 1 rcx, 2 rdx, 4 rsp, 6 rsi, 7 rdi, 8 r8.
pub(crate) type Register = u8;
pub(crate) const STACK: Register = 4;
const FRAME: Register = 5;

/// One instruction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Instruction {
    pub length: usize,
    pub kind: Kind,
}

/// What it does, as far as it matters here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Puts a register on the stack. The kernel emulates it.
    Push,
    /// Takes one off it.
    Pop(Register),
    /// The function's end.
    Return,
    /// Nothing, in a form that the kernel emulates.
    Nop,
    /// Goes on somewhere else, so far from its end. Emulated.
    Jump(i64),
    /// Perhaps. Emulated.
    Branch,
    /// Calls what is so far from its end. Emulated.
    Call(i64),
    /// Writes a register (or none).
    Writes(Option<Register>),
    /// Copies all of a register.
    Copies { to: Register, from: Register },
}

impl Kind {
    /// Whether the kernel emulates it when it is probed.
    pub fn is_emulated(self) -> bool {
        match self {
            Kind::Push | Kind::Nop | Kind::Jump(_) | Kind::Branch | Kind::Call(_) => true,
            Kind::Pop(_) | Kind::Return | Kind::Writes(_) | Kind::Copies { .. } => false,
        }
    }
}

/// The multi-byte nops that the kernel knows (`x86_nops` in arch/x86/kernel/alternative.c).
const NOPS: &[&[u8]] = &[
    &[0x90],
    &[0x66, 0x90],
    &[0x0f, 0x1f, 0x00],
    &[0x0f, 0x1f, 0x40, 0x00],
    &[0x0f, 0x1f, 0x44, 0x00, 0x00],
    &[0x66, 0x0f, 0x1f, 0x44, 0x00, 0x00],
    &[0x0f, 0x1f, 0x80, 0x00, 0x00, 0x00, 0x00],
    &[0x0f, 0x1f, 0x84, 0x00, 0x00, 0x00, 0x00, 0x00],
];
const ENDBR64: &[u8] = &[0xf3, 0x0f, 0x1e, 0xfa];

/// The instruction that `code` begins with; None when it is cut off or not known.
pub(crate) fn decode(code: &[u8]) -> Option<Instruction> {
    if let Some(nop) = NOPS.iter().find(|nop| code.starts_with(nop)) {
        return known(nop.len(), Kind::Nop);
    }
    if code.starts_with(ENDBR64) {
        return known(ENDBR64.len(), Kind::Writes(None));
    }
    let mut reader = Reader {
        code,
        at: 0,
        rex: 0,
        short: false,
        prefixed: false,
    };
    reader.prefixes()?;
    let kind = match reader.byte()? {
        0x0f => reader.two_bytes()?,
        opcode => reader.one_byte(opcode)?,
    };
    known(reader.at, kind)
}

fn known(length: usize, kind: Kind) -> Option<Instruction> {
    Some(Instruction { length, kind })
}

struct Reader<'a> {
    code: &'a [u8],
    at: usize,
    rex: u8,
    /// Operands of 16 bits.
    short: bool,
    prefixed: bool,
}

/// The operands that a ModRM byte names.
struct Operands {
    register: Register,
    /// The other one, if it is no memory.
    other: Option<Register>,
    /// The field that extends the opcode.
    group: u8,
}

impl Reader<'_> {
    fn byte(&mut self) -> Option<u8> {
        let byte = *self.code.get(self.at)?;
        self.at += 1;
        Some(byte)
    }

    fn skip(&mut self, bytes: usize) -> Option<()> {
        self.at += bytes;
        (self.at <= self.code.len()).then_some(())
    }

    fn distance(&mut self, bytes: usize) -> Option<i64> {
        let at = self.at;
        self.skip(bytes)?;
        match *self.code.get(at..self.at)? {
            [byte] => Some(i64::from(byte as i8)),
            [a, b, c, d] => Some(i64::from(i32::from_le_bytes([a, b, c, d]))),
            _ => None,
        }
    }

    /// Operand size, segment, REX.
    fn prefixes(&mut self) -> Option<()> {
        loop {
            match *self.code.get(self.at)? {
                0x66 => self.short = true,
                0x64 | 0x65 => {}
                rex @ 0x40..=0x4f => {
                    self.rex = rex;
                    return self.skip(1);
                }
                _ => return Some(()),
            }
            self.prefixed = true;
            self.skip(1)?;
        }
    }

    fn wide(&self) -> bool {
        self.rex & 8 != 0
    }

    fn immediate(&mut self) -> Option<()> {
        self.skip(if self.short { 2 } else { 4 })
    }

    fn operands(&mut self) -> Option<Operands> {
        let byte = self.byte()?;
        let (mode, group, low) = (byte >> 6, byte >> 3 & 7, byte & 7);
        let register = group | (self.rex & 4) << 1;
        if mode == 3 {
            let other = Some(low | (self.rex & 1) << 3);
            return Some(Operands { register, other, group });
        }
        let base = if low == 4 { self.byte()? & 7 } else { low };
        self.skip(match mode {
            0 if base == 5 => 4,
            0 => 0,
            1 => 1,
            _ => 4,
        })?;
        Some(Operands {
            register,
            other: None,
            group,
        })
    }

    fn one_byte(&mut self, opcode: u8) -> Option<Kind> {
        match opcode {
            0x00..=0x3f => self.arithmetic(opcode),
            0x50..=0x57 if !self.prefixed => Some(Kind::Push),
            0x58..=0x5f if !self.prefixed => Some(Kind::Pop(opcode & 7 | (self.rex & 1) << 3)),
            0xc3 if self.at == 1 => Some(Kind::Return),
            0xc9 if self.at == 1 => Some(Kind::Pop(FRAME)),
            0x63 => Some(Kind::Writes(Some(self.operands()?.register))),
            0x70..=0x7f if !self.prefixed && self.rex == 0 => self.skip(1).map(|()| Kind::Branch),
            0x80 | 0x81 | 0x83 => {
                let operands = self.operands()?;
                if opcode == 0x81 {
                    self.immediate()?
                } else {
                    self.skip(1)?
                }
                Some(Kind::Writes(operands.other.filter(|_| operands.group != 7)))
            }
            0x84 | 0x85 => self.operands().map(|_| Kind::Writes(None)),
            0x89 | 0x8b => self.copy(opcode == 0x89),
            0x88 => self.operands().map(|operands| byte_of(operands.other)),
            0x8a => self.operands().map(|operands| byte_of(Some(operands.register))),
            0x8d => self.operands().map(|operands| Kind::Writes(Some(operands.register))),
            0xa8 => self.skip(1).map(|()| Kind::Writes(None)),
            0xa9 => self.immediate().map(|()| Kind::Writes(None)),
            0xb8..=0xbf => {
                if self.wide() {
                    self.skip(8)?
                } else {
                    self.immediate()?
                }
                Some(Kind::Writes(Some(opcode & 7 | (self.rex & 1) << 3)))
            }
            0xc6 | 0xc7 => {
                let operands = self.operands()?;
                if opcode == 0xc7 {
                    self.immediate()?
                } else {
                    self.skip(1)?
                }
                (operands.group == 0).then_some(Kind::Writes(operands.other))
            }
            0xe8 if self.at == 1 => self.distance(4).map(Kind::Call),
            0xe9 if self.at == 1 => self.distance(4).map(Kind::Jump),
            0xeb if self.at == 1 => self.distance(1).map(Kind::Jump),
            0xf6 | 0xf7 => {
                let operands = self.operands()?;
                if opcode == 0xf7 {
                    self.immediate()?
                } else {
                    self.skip(1)?
                }
                (operands.group == 0).then_some(Kind::Writes(None))
            }
            _ => None,
        }
    }

    /// add, or, adc, sbb, and, sub, xor, cmp in their six forms.
    fn arithmetic(&mut self, opcode: u8) -> Option<Kind> {
        let compares = opcode >> 3 == 7;
        let written = match opcode & 7 {
            0 | 1 => self.operands()?.other,
            2 | 3 => Some(self.operands()?.register),
            4 => self.skip(1).map(|()| Some(0))?,
            5 => self.immediate().map(|()| Some(0))?,
            _ => return None,
        };
        if compares {
            return Some(Kind::Writes(None));
        }
        match opcode & 7 {
            0 | 2 => Some(byte_of(written)),
            _ => Some(Kind::Writes(written)),
        }
    }

    fn copy(&mut self, to_other: bool) -> Option<Kind> {
        let operands = self.operands()?;
        let pair = match (to_other, operands.other) {
            (true, None) => return Some(Kind::Writes(None)),
            (false, None) => return Some(Kind::Writes(Some(operands.register))),
            (true, Some(other)) => (other, operands.register),
            (false, Some(other)) => (operands.register, other),
        };
        let (to, from) = pair;
        Some(match self.wide() {
            true => Kind::Copies { to, from },
            false => Kind::Writes(Some(to)),
        })
    }

    fn two_bytes(&mut self) -> Option<Kind> {
        match self.byte()? {
            // movups, movaps, xorps and their like: other registers, or memory.
            0x10 | 0x11 | 0x28 | 0x29 | 0x57 | 0x1f => self.operands().map(|_| Kind::Writes(None)),
            0x40..=0x4f | 0xb6 | 0xb7 | 0xbe | 0xbf => {
                self.operands().map(|operands| Kind::Writes(Some(operands.register)))
            }
            0x80..=0x8f if self.at == 2 => self.skip(4).map(|()| Kind::Branch),
            0x90..=0x9f => self.operands().map(|operands| byte_of(operands.other)),
            _ => None,
        }
    }
}

/// The low byte of a register, or without REX the second one of another: no register that matters here has that, so the write is told of the
/// first four for both.
fn byte_of(register: Option<Register>) -> Kind {
    Kind::Writes(register.map(|register| {
        if (4..8).contains(&register) {
            register & 3
        } else {
            register
        }
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn is(code: &[u8], kind: Kind) {
        assert_eq!(decode(code), known(code.len(), kind));
        // One byte less is cut off, not something else.
        assert!(decode(&code[..code.len() - 1]).is_none_or(|shorter| shorter.length < code.len()));
    }

    #[test]
    fn what_functions_begin_with_is_known() {
        is(&[0x55], Kind::Push);
        is(&[0x41, 0x55], Kind::Push);
        is(&[0x5d], Kind::Pop(5));
        is(&[0x41, 0x5d], Kind::Pop(13));
        is(&[0xc9], Kind::Pop(5));
        is(&[0xc3], Kind::Return);
        is(&[0xf3, 0x0f, 0x1e, 0xfa], Kind::Writes(None));
        is(&[0x0f, 0x1f, 0x44, 0, 0], Kind::Nop);
        is(&[0x48, 0x83, 0xec, 0x18], Kind::Writes(Some(STACK)));
        is(&[0x48, 0x81, 0xec, 0, 1, 0, 0], Kind::Writes(Some(STACK)));
        is(&[0x64, 0x48, 0x8b, 0x04, 0x25, 0x28, 0, 0, 0], Kind::Writes(Some(0)));
        is(&[0x48, 0x89, 0x44, 0x24, 0x08], Kind::Writes(None));
        is(&[0x31, 0xc0], Kind::Writes(Some(0)));
        is(&[0x45, 0x31, 0xc0], Kind::Writes(Some(8)));
        is(&[0x85, 0xd2], Kind::Writes(None));
        is(&[0x78, 0x2f], Kind::Branch);
        is(&[0x0f, 0x88, 0x37, 1, 0, 0], Kind::Branch);
        is(&[0x48, 0x89, 0xe1], Kind::Copies { to: 1, from: 4 });
        is(&[0x49, 0x89, 0xc8], Kind::Copies { to: 8, from: 1 });
        is(&[0x48, 0x63, 0xd2], Kind::Writes(Some(2)));
        is(&[0xe8, 0x3d, 0xfe, 0xff, 0xff], Kind::Call(-0x1c3));
        is(&[0xeb, 0xfe], Kind::Jump(-2));
        is(&[0x48, 0x83, 0x7f, 0x30, 0], Kind::Writes(None));
        is(&[0xf6, 0x47, 0x44, 0x02], Kind::Writes(None));
        is(&[0x48, 0x8d, 0x4c, 0x24, 0x08], Kind::Writes(Some(1)));
        is(&[0x83, 0xbf, 0x80, 0, 0, 0, 1], Kind::Writes(None));
        is(&[0xb8, 1, 0, 0, 0], Kind::Writes(Some(0)));
        is(&[0x48, 0xb8, 1, 0, 0, 0, 0, 0, 0, 0], Kind::Writes(Some(0)));
    }

    #[test]
    fn what_is_not_known_is_not_guessed() {
        for code in [
            &[0xf0, 0x0f, 0xc1, 0x87][..],
            &[0xff, 0x25, 0, 0, 0, 0],
            &[0xcc],
            &[0xf2, 0xe8, 0, 0, 0, 0],
            &[],
        ] {
            assert_eq!(decode(code), None, "{code:x?}");
        }
    }

    #[test]
    fn any_bytes_are_survived() {
        for first in 0..=255u8 {
            for second in 0..=255u8 {
                for third in [0, 4, 0x25, 0x84, 0xc0, 0xff] {
                    let code = [first, second, third, 0x24, 0, 0, 0, 0, 0, 0, 0, 0];
                    assert!(decode(&code).is_none_or(|found| (1..=12).contains(&found.length)));
                }
            }
        }
    }
}
