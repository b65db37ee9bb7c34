"""Keys and values of what was read and written, and what the next tokens see of them.

On a CPU each row attends by itself, so that it comes out the same to the bit, whatever stands beside it. On a GPU,
where every call of a kernel has its price, all rows attend at once.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor
from torch.nn import functional as F

from sumpool.modeling.blocks import round_up
from sumpool.modeling.branches import Front, Step
from sumpool.modeling.config import PyramidionConfig

_STRETCH = 64
"""Keys in a stretch: on a CPU, queries that stand within the same one attend together, to all keys up to its end."""

Attend = Callable[[Tensor, Tensor, Tensor], Tensor]
"""Queries, keys and values [b, heads, t, head_dim] of one layer -> what each query gathers, in the queries' shape."""


@dataclass(frozen=True, slots=True)
class View:
    """What some queries that follow one another see: the first `keys` keys, less those that the mask hides.

    Attributes:
        queries: their places among all.
        keys: how many.
        mask: [sharing * t, keys] or [b, 1, sharing * t, keys], 0 or minus infinity; None where they see all. Row
            i t + j is for the j-th of t queries, in each of the heads that share keys.
    """

    queries: slice
    keys: int
    mask: Tensor | None


def attend_alone(tokens: int, sharing: int, device: torch.device) -> Attend:
    """Causal attention of `tokens` tokens with nothing before them; `sharing` heads have keys in common."""
    if device.type != "cpu" or torch.is_grad_enabled():
        return _attend_causally
    return partial(_attend, causal_views(0, tokens, tokens, sharing))


def causal_views(past: int, tokens: int, room: int, sharing: int) -> list[View]:
    """Causality on a CPU for `tokens` queries whose own keys come behind `past` others, in memory for `room` keys.

    torch's kernel for CPUs computes most of what causality then masks, so that in stretches a block takes a quarter of
    its time. And a query comes out the same to the bit, be it alone or beside others that stand before or behind it,
    since both are the same product, as long as the masked keys are numbers.
    """
    views = []
    first = 0
    while first < tokens:
        keys = min((past + first) // _STRETCH * _STRETCH + _STRETCH, room)
        end = min(keys - past, tokens)
        seen = torch.ones(end - first, keys, dtype=torch.bool).tril(past + first)
        views.append(View(slice(first, end), keys, _hiding(seen, sharing)))
        first = end
    return views


class KVCache:
    """Keys and values of one stack of layers for some rows, in memory taken once for `capacity` positions of each.

    Attributes:
        keys, values: [layers, rows, heads, capacity, head_dim]
        lengths: [rows] positions that each row holds, on the CPU.
        together: whether all rows attend at once, as a GPU does it best, or each by itself.
    """

    def __init__(
        self,
        config: PyramidionConfig,
        layers: int,
        rows: int,
        capacity: int,
        device: torch.device,
        dtype: torch.dtype,
        *,
        together: bool,
    ) -> None:
        self._sharing = config.sharing
        capacity = round_up(capacity, _STRETCH)
        shape = (layers, rows, config.num_key_value_heads, capacity, config.head_dim)
        # Zeros, since what was never held is multiplied, too, if only by zero.
        self.keys = torch.zeros(shape, device=device, dtype=dtype)
        self.values = torch.zeros(shape, device=device, dtype=dtype)
        self.lengths = torch.zeros(rows, dtype=torch.long)
        self.together = together
        self._divide()

    def _divide(self) -> None:
        """Make the rows of each layer ready to be fetched: slicing takes as long as copying a token's keys."""
        self._layers = list(zip(self.keys, self.values, strict=True))
        self._rows = [list(zip(keys.split(1), values.split(1), strict=True)) for keys, values in self._layers]

    def part(self, first: int, end: int) -> KVCache:
        """Some of the rows, in the same memory."""
        some = copy.copy(self)
        some.keys, some.values = self.keys[:, first:end], self.values[:, first:end]
        some.lengths = self.lengths[first:end]
        some._divide()
        return some

    def positions(self, tokens: int, steps: Sequence[Step] | None = None) -> Tensor:
        """Where the next `tokens` tokens of each row stand, [rows, tokens]; with steps, each in a branch of its own."""
        if steps is None:
            return (self.lengths[:, None] + torch.arange(tokens)).to(self.keys.device)
        offsets = torch.tensor([step.depth - step.held for step in steps])
        return (self.lengths + offsets)[:, None].expand(-1, tokens).to(self.keys.device)

    def attends(self, tokens: int, steps: Sequence[Step] | None = None) -> list[Attend]:
        """By layer, how the next `tokens` tokens of each row attend: behind what the row holds, causally.

        steps: one for each row; its tokens do not follow one another, but each goes on with a branch of its own. Rows
            that have fewer tokens than others are padded at the end.
        """
        if not self.together:
            each: Sequence[Step | None] = steps or [None] * len(self.lengths)
            views = [self._views(row, tokens, step) for row, step in enumerate(each)]
            return [partial(_attend_by_row, held, self.lengths.tolist(), views) for held in self._rows]
        front = Front.next(len(self.lengths), tokens, steps)
        room = self.room(tokens) if steps or self.lengths.any() else None
        device = self.keys.device
        return self.attends_at(front.to(device), self.lengths.to(device), room)

    def room(self, tokens: int, multiple: int = _STRETCH) -> int:
        """Keys among which `tokens` more of each row find place: a multiple of `multiple`, or all there are."""
        return min(round_up(int(self.lengths.max()) + tokens, multiple), self.keys.shape[3])

    def attends_at(self, front: Front, lengths: Tensor, room: int | None) -> list[Attend]:
        """By layer, how tokens attend where all rows do so at once, behind the first `lengths` [rows] positions.

        Nothing is looked up on the CPU, so that it can be recorded. They see the first `room` keys, less those that
        the front hides; None where nothing comes before them.
        """
        rows = torch.arange(len(lengths), device=lengths.device)[:, None]
        places = lengths[:, None] + torch.arange(front.depths.shape[1], device=lengths.device)
        view = None if room is None else self._view(front, lengths, room)
        return [partial(_attend_together, held, rows, places, view) for held in self._layers]

    def _views(self, row: int, tokens: int, step: Step | None) -> list[View]:
        """What the next tokens of a row see if it attends by itself."""
        held = int(self.lengths[row])
        if step is None:
            return causal_views(held, tokens, self.keys.shape[3], self._sharing)
        trunk, (own, visible) = held - step.held, step.visible.shape
        seen = torch.zeros(tokens, held + tokens, dtype=torch.bool)
        seen[:, :trunk] = True
        seen[:own, trunk : trunk + visible] = step.visible
        return [View(slice(tokens), held + tokens, _hiding(seen, self._sharing))]

    def _view(self, front: Front, lengths: Tensor, room: int) -> View:
        """What the next tokens of all rows see if they attend at once."""
        behind = torch.arange(room, device=lengths.device) - (lengths - front.held)[:, None]
        width = front.visible.shape[2]
        places = behind.clamp(0, width - 1)[:, None].expand(-1, front.visible.shape[1], -1)
        seen = (behind < 0)[:, None] | ((behind < width)[:, None] & front.visible.gather(2, places))
        mask = _hiding(seen, self._sharing).to(self.keys.dtype)
        return View(slice(front.visible.shape[1]), room, mask[:, None])

    def advance(self, tokens: int | Sequence[int]) -> None:
        """Count so many more positions as held, in all rows or in each; if negative, drop the last."""
        self.lengths += torch.as_tensor(tokens)

    def keep(self, row: int, held: int, places: Sequence[int]) -> None:
        """Of the last `held` positions of a row, hold those at `places`, counted among them, and drop the rest."""
        first = int(self.lengths[row]) - held
        chosen = torch.tensor(places, dtype=torch.long, device=self.keys.device) + first
        end = first + len(places)
        for tensor in (self.keys, self.values):
            tensor[:, row, :, first:end] = tensor[:, row, :, chosen]
        self.lengths[row] = end


def _hiding(seen: Tensor, sharing: int) -> Tensor:
    """What each of t queries sees [..., t, keys] -> the mask for all heads that share keys [..., sharing * t, keys]."""
    mask = torch.zeros(seen.shape, device=seen.device).masked_fill(~seen, -torch.inf)
    return torch.cat([mask] * sharing, dim=-2)


def _attend_causally(queries: Tensor, keys: Tensor, values: Tensor) -> Tensor:
    return F.scaled_dot_product_attention(queries, keys, values, is_causal=queries.shape[2] > 1, enable_gqa=True)


def _attend_together(
    held: tuple[Tensor, Tensor],
    rows: Tensor,
    places: Tensor,
    view: View | None,
    queries: Tensor,
    keys: Tensor,
    values: Tensor,
) -> Tensor:
    """All rows at once: append keys and values at the rows' places, and attend as the view says, or to these alone."""
    held_keys, held_values = held
    held_keys[rows, :, places] = keys.transpose(1, 2).type_as(held_keys)
    held_values[rows, :, places] = values.transpose(1, 2).type_as(held_values)
    if view is None:
        return _attend_causally(queries, keys, values)
    return _look(queries.type_as(held_keys), held_keys, held_values, view)


def _attend_by_row(
    held: Sequence[tuple[Tensor, Tensor]],
    lengths: Sequence[int],
    views: Sequence[Sequence[View]],
    queries: Tensor,
    keys: Tensor,
    values: Tensor,
) -> Tensor:
    """Each row by itself."""
    if len(held) == 1:
        return _attend_behind(held[0], lengths[0], views[0], queries, keys, values)
    rows = zip(held, lengths, views, queries.split(1), keys.split(1), values.split(1), strict=True)
    return torch.cat([_attend_behind(*row) for row in rows])


def _attend_behind(
    held: tuple[Tensor, Tensor], length: int, views: Sequence[View], queries: Tensor, keys: Tensor, values: Tensor
) -> Tensor:
    """Append keys and values to what a row holds, and attend to all of it."""
    held_keys, held_values = held
    held_keys.narrow(2, length, keys.shape[2]).copy_(keys)
    held_values.narrow(2, length, keys.shape[2]).copy_(values)
    return _attend(views, queries.type_as(held_keys), held_keys, held_values)


def _attend(views: Sequence[View], queries: Tensor, keys: Tensor, values: Tensor) -> Tensor:
    """Queries [b, heads, t, head_dim] see the keys that their views say."""
    if len(views) == 1:
        return _look(queries, keys, values, views[0])
    out = torch.empty_like(queries)
    for view in views:
        out[:, :, view.queries] = _look(queries[:, :, view.queries], keys, values, view)
    return out


def _look(queries: Tensor, keys: Tensor, values: Tensor, view: View) -> Tensor:
    """The queries of one view; all that share keys as rows of one head: half the time of having the keys repeated."""
    rows = queries.reshape(len(queries), keys.shape[1], -1, queries.shape[3])
    keys, values = keys.narrow(2, 0, view.keys), values.narrow(2, 0, view.keys)
    return F.scaled_dot_product_attention(rows, keys, values, attn_mask=view.mask).reshape(queries.shape)
