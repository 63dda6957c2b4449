"""Vector expressions: Python operators that emit LLVM IR, so that a kernel reads like the arithmetic it does."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from llvmlite import ir

I8, I16, I32, I64 = (ir.IntType(bits) for bits in (8, 16, 32, 64))
F32 = ir.FloatType()
POINTER = ir.PointerType()


def vector_of(element: ir.Type, lanes: int) -> ir.VectorType:
    """The type of `lanes` elements side by side."""
    return ir.VectorType(element, lanes)


@dataclass(frozen=True)
class Value:
    """A number, or a vector of numbers, at run time.

    The other operand of an operator may be a Python number; a scalar beside a vector stands for all lanes.
    Integers are signed and wrap around; `>>` keeps the sign.
    """

    builder: ir.IRBuilder
    raw: ir.Value

    @property
    def type(self) -> ir.Type:
        """LLVM's type."""
        return self.raw.type

    @property
    def element(self) -> ir.Type:
        """The type of one lane."""
        return self.type.element if self.is_vector else self.type

    @property
    def is_vector(self) -> bool:
        """Whether this is more than one number."""
        return isinstance(self.type, ir.VectorType)

    @property
    def lanes(self) -> int:
        """Elements of a vector."""
        return int(self.type.count)

    def __add__(self, other: Operand) -> Value:
        return self._emit(self.builder.fadd if self.element == F32 else self.builder.add, other)

    def __sub__(self, other: Operand) -> Value:
        return self._emit(self.builder.fsub if self.element == F32 else self.builder.sub, other)

    def __mul__(self, other: Operand) -> Value:
        return self._emit(self.builder.fmul if self.element == F32 else self.builder.mul, other)

    def __truediv__(self, other: Operand) -> Value:
        return self._emit(self.builder.fdiv, other)

    def __lshift__(self, other: Operand) -> Value:
        return self._emit(self.builder.shl, other)

    def __rshift__(self, other: Operand) -> Value:
        return self._emit(self.builder.ashr, other)

    def __xor__(self, other: Operand) -> Value:
        return self._emit(self.builder.xor, other)

    def __gt__(self, other: Operand) -> Value:
        return self._compare(">", other)

    def __lt__(self, other: Operand) -> Value:
        return self._compare("<", other)

    def clamp(self, low: Operand, high: Operand) -> Value:
        """Limit integers to [low, high]."""
        at_least = intrinsic(self._suffixed("llvm.smax"), self.type, self, self._matched(low))
        return intrinsic(self._suffixed("llvm.smin"), self.type, at_least, self._matched(high))

    def fma(self, factor: Operand, summand: Operand) -> Value:
        """self * factor + summand in floats, rounded once."""
        operands = self._matched(factor), self._matched(summand)
        return intrinsic(self._suffixed("llvm.fma"), self.type, self, *operands)

    def multiply_add(self, factor: Operand, summand: Operand) -> Value:
        """self * factor + summand in floats, rounded once or twice, whichever this processor does faster."""
        operands = self._matched(factor), self._matched(summand)
        return intrinsic(self._suffixed("llvm.fmuladd"), self.type, self, *operands)

    def where(self, condition: Value, otherwise: Value) -> Value:
        """This value in the lanes where `condition` holds, `otherwise` in the others."""
        return self._new(self.builder.select(condition.raw, self.raw, otherwise.raw))

    def to(self, element: ir.Type) -> Value:
        """The same numbers as another type: widened with their sign, truncated, or to and from floats."""
        if element == self.element:
            return self
        if element == F32:
            convert = self.builder.sitofp
        elif self.element == F32:
            convert = self.builder.fptosi
        else:
            convert = self.builder.sext if element.width > self.element.width else self.builder.trunc
        return self._new(convert(self.raw, self._like(element)))

    def unsigned_to(self, element: ir.Type) -> Value:
        """Integers without a sign in a wider type."""
        return self._new(self.builder.zext(self.raw, self._like(element)))

    def bits_as(self, element: ir.Type) -> Value:
        """The same bits, read as elements of another type."""
        if not self.is_vector:
            return self._new(self.builder.bitcast(self.raw, element))
        lanes = self.lanes * _width(self.element) // _width(element)
        return self._new(self.builder.bitcast(self.raw, vector_of(element, lanes)))

    def filled(self, number: float) -> Value:
        """A number known now, in every lane of a value like this."""
        return constant(self.builder, self.type, number)

    def splat(self, lanes: int) -> Value:
        """A vector with this scalar in every lane."""
        undefined = ir.Constant(vector_of(self.type, lanes), ir.Undefined)
        first = self._new(self.builder.insert_element(undefined, self.raw, I32(0)))
        return first.shuffle(first, [0] * lanes)

    def shuffle(self, other: Value, lanes: Sequence[int]) -> Value:
        """The chosen lanes of this vector followed by the other."""
        mask = ir.Constant(vector_of(I32, len(lanes)), list(lanes))
        return self._new(self.builder.shuffle_vector(self.raw, other.raw, mask))

    def split(self, lanes: int) -> list[Value]:
        """The vector cut into vectors of `lanes` lanes."""
        return [self.shuffle(self, range(start, start + lanes)) for start in range(0, self.lanes, lanes)]

    def _new(self, raw: ir.Value) -> Value:
        return Value(self.builder, raw)

    def _compare(self, sign: str, other: Operand) -> Value:
        """Whether it holds; what is not a number is neither above nor below any."""
        compare = self.builder.fcmp_ordered if self.element == F32 else self.builder.icmp_signed
        return self._emit(lambda a, b: compare(sign, a, b), other)

    def _emit(self, operation: Callable[[ir.Value, ir.Value], ir.Value], other: Operand) -> Value:
        return self._new(operation(self.raw, self._matched(other).raw))

    def _matched(self, other: Operand) -> Value:
        """The other operand with as many lanes as this one."""
        if isinstance(other, Value):
            return other.splat(self.lanes) if self.is_vector and not other.is_vector else other
        return self.filled(other)

    def _like(self, element: ir.Type) -> ir.Type:
        return vector_of(element, self.lanes) if self.is_vector else element

    def _suffixed(self, name: str) -> str:
        """The name of LLVM's intrinsic for this type."""
        lanes = f"v{self.lanes}" if self.is_vector else ""
        return f"{name}.{lanes}{'f' if self.element == F32 else 'i'}{_width(self.element)}"


Operand = Value | int | float


def new_function(name: str, *arguments: ir.Type) -> tuple[ir.Function, ir.IRBuilder]:
    """An empty function without a result, in a module of its own, and what emits its body."""
    function = ir.Function(ir.Module(name), ir.FunctionType(ir.VoidType(), arguments), name)
    return function, ir.IRBuilder(function.append_basic_block("entry"))


def constant(builder: ir.IRBuilder, type_: ir.Type, number: float) -> Value:
    """A number known now, in every lane."""
    return Value(builder, ir.Constant(type_, [number] * type_.count if isinstance(type_, ir.VectorType) else number))


def joined(parts: Sequence[Value]) -> Value:
    """Vectors of one type, a power of two of them, as one long vector."""
    values = list(parts)
    while len(values) > 1:
        values = [a.shuffle(b, range(2 * a.lanes)) for a, b in zip(values[::2], values[1::2], strict=True)]
    return values[0]


def intrinsic(name: str, result: ir.Type, *operands: Value) -> Value:
    """Call one of LLVM's intrinsics."""
    builder = operands[0].builder
    function = builder.module.globals.get(name)
    if function is None:
        function = ir.Function(builder.module, ir.FunctionType(result, [o.type for o in operands]), name)
    return Value(builder, builder.call(function, [o.raw for o in operands]))


def _width(element: ir.Type) -> int:
    return 32 if element == F32 else int(element.width)


@dataclass(frozen=True)
class Pointer:
    """An address at run time; offsets are in bytes."""

    builder: ir.IRBuilder
    raw: ir.Value

    def __add__(self, offset: Operand) -> Pointer:
        raw_offset = offset.raw if isinstance(offset, Value) else I64(offset)
        return Pointer(self.builder, self.builder.gep(self.raw, [raw_offset], source_etype=I8))

    def load(self, element: ir.Type, lanes: int = 1) -> Value:
        """The number or the vector stored here."""
        type_ = element if lanes == 1 else vector_of(element, lanes)
        return Value(self.builder, self.builder.load(self.raw, typ=type_, align=_width(element) // 8))

    def load_pointer(self) -> Pointer:
        """The address stored here."""
        return Pointer(self.builder, self.builder.load(self.raw, typ=POINTER, align=8))

    def store(self, value: Value) -> None:
        """Store a value here."""
        self.builder.store(value.raw, self.raw, align=_width(value.element) // 8)


def stack(builder: ir.IRBuilder, n_bytes: int) -> Pointer:
    """Memory on the function's stack, the same at every pass of a loop."""
    with builder.goto_entry_block():
        place = builder.alloca(ir.ArrayType(I8, n_bytes))
        place.align = 64
        # llvmlite's stack slots still have typed pointers; by way of an integer the type is lost.
        return Pointer(builder, builder.inttoptr(builder.ptrtoint(place, I64), POINTER))


class Variable:
    """A value that changes within a loop."""

    def __init__(self, initial: Value) -> None:
        self._initial = initial
        self._slot = stack(initial.builder, (initial.lanes if initial.is_vector else 1) * _width(initial.element) // 8)
        self.value = initial

    @property
    def value(self) -> Value:
        """What the variable holds now."""
        initial = self._initial
        return self._slot.load(initial.element, initial.lanes if initial.is_vector else 1)

    @value.setter
    def value(self, value: Value) -> None:
        self._slot.store(value)


@contextmanager
def loop(count: Value) -> Iterator[Value]:
    """Emit the body of `for index in range(count)`, all in 64 bits."""
    builder = count.builder
    index = Variable(constant(builder, I64, 0))
    test, body, after = (builder.append_basic_block(name) for name in ("test", "body", "after"))
    builder.branch(test)
    builder.position_at_end(test)
    builder.cbranch((index.value < count).raw, body, after)
    builder.position_at_end(body)
    current = index.value
    yield current
    index.value = current + 1
    builder.branch(test)
    builder.position_at_end(after)
