# SPDX-License-Identifier: GPL-3.0-or-later
"""The best set of non-overlapping intervals (notes) on each of many tracks (keys), by dynamic programming.

This is the maximum a posteriori path of the semi-Markov CRF of Yan and Zhiyao Duan, "Scoring intervals using
non-hierarchical transformer for automatic piano transcription" (ISMIR 2024), with frames that belong to no
interval scored 0. With v(t) the best score from frame t to the end,

    v(t) = max(v(t + 1), max over e > t of score(t, e) + v(e)) + max(score(t, t), 0)

v never rises with t, so an interval whose score is not above 0 can never beat skipping a frame. Of the frames
x frames scores of a track only the positive ones are therefore looked at: a few thousand of half a million.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class IntervalScores:
    """The scores above 0 of intervals from frame `begin` to frame `end` (both included) on tracks."""

    track: NDArray[np.int64]
    begin: NDArray[np.int64]
    end: NDArray[np.int64]
    """(n,) each; begin < end."""
    score: NDArray[np.float32]
    """(n,)"""
    single: NDArray[np.float32]
    """(tracks, frames) scores of intervals that are one frame long; any sign."""

    def of(
        self, track: NDArray[np.int64], begin: NDArray[np.int64], end: NDArray[np.int64]
    ) -> NDArray[np.float32]:
        """The scores (n,) of intervals that are among these, those of one frame included."""
        frames = self.single.shape[1]
        found: NDArray[np.float32] = self.single[track, begin]
        longer = end > begin
        known = (self.track * frames + self.begin) * frames + self.end
        asked = ((track * frames + begin) * frames + end)[longer]
        order = np.argsort(known)
        found[longer] = self.score[order[np.searchsorted(known, asked, sorter=order)]]
        return found


def best_intervals(scores: IntervalScores, start: NDArray[np.int64]) -> list[NDArray[np.int64]]:
    """Each track's best path that begins at frame `start[track]`: intervals (n, 2), first and last frame, in order.

    An interval may begin at the frame where the one before ends.
    """
    tracks, frames = scores.single.shape
    order = np.argsort(scores.begin, kind="stable")
    track, end, score = scores.track[order], scores.end[order], scores.score[order]
    edges = np.searchsorted(scores.begin[order], np.arange(frames + 1))
    single = np.maximum(scores.single, 0).T  # (frames, tracks)
    value = np.zeros((frames, tracks), np.float32)
    value[-1] = single[-1]
    choice = np.full(
        (frames, tracks), -1
    )  # end of the best interval from here, -1 where skipping is no worse
    for frame in range(frames - 2, -1, -1):
        value[frame] = value[frame + 1]
        here = slice(edges[frame], edges[frame + 1])
        if here.stop > here.start:
            candidate = value[end[here], track[here]] + score[here]
            np.maximum.at(value[frame], track[here], candidate)
            better = candidate > value[frame + 1, track[here]]
            best = better & (candidate == value[frame, track[here]])
            choice[frame, track[here][best][::-1]] = end[here][best][::-1]  # of equals, the shortest
        value[frame] += single[frame]
    return [_path(choice[:, i], single[:, i] > 0, int(start[i])) for i in range(tracks)]


def _path(choice: NDArray[np.int64], single: NDArray[np.bool_], start: int) -> NDArray[np.int64]:
    events = np.flatnonzero((choice >= 0) | single)
    found = []
    at = int(np.searchsorted(events, start))
    while at < len(events):
        frame = int(events[at])
        if single[frame]:
            found.append((frame, frame))
        if choice[frame] >= 0:
            found.append((frame, int(choice[frame])))
            at = int(np.searchsorted(events, choice[frame]))
        else:
            at += 1
    return np.array(found, np.int64).reshape(-1, 2)
