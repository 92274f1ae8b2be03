"""What was said of whole photos beside what they show: F1, accuracy, log loss, calibration."""

from dataclasses import dataclass

import numpy as np

from mfast_edge.metrics.mean import macro, rows

SILENT = -1  # nothing was said of a photo
BINS = 15  # of confidence, as in Guo et al. 2017
LEAST = float(np.finfo(np.float32).eps)  # a probability's log is taken from here on, as scikit-learn does


@dataclass(frozen=True, slots=True)
class Answers:
    """truths (P,) int64, the class of each photo; scores (P, C), what was given to each class, 0 where nothing was.

    The last columns may be classes that no photo has and that must not be said.
    """

    truths: np.ndarray
    scores: np.ndarray

    @property
    def images(self) -> int:
        """Photos."""
        return len(self.truths)

    @property
    def said(self) -> np.ndarray:
        """(P,) int64: the class with the highest score, the first of several; SILENT where none has any."""
        best = self.scores.argmax(1)
        return np.where(self.scores.max(1) > 0, best, SILENT)


def matrix(answers: Answers) -> np.ndarray:
    """(C, C) int64: photos by true class (rows) and said class; those of which nothing was said are in no column."""
    count = answers.scores.shape[1]
    found = np.zeros((count, count), np.int64)
    told = answers.said != SILENT
    np.add.at(found, (answers.truths[told], answers.said[told]), 1)
    return found


def macro_f1(answers: Answers, weights: np.ndarray | None = None) -> np.ndarray:
    """(R,) F1, averaged over the classes with photos, under each row of (R, P) weights of photos."""
    return macro(per_class(answers, weights)[2])


def per_class(answers: Answers, weights: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Precision, recall and F1 (R, C); NaN for a class without photos, 0 where there is nothing to divide."""
    weighted, numbers = rows(weights, answers.images), np.arange(answers.scores.shape[1])
    there, told = answers.truths[:, None] == numbers, answers.said[:, None] == numbers
    right, said, real = (weighted @ marks.astype(np.float64) for marks in (there & told, told, there))
    with np.errstate(invalid="ignore", divide="ignore"):
        precision, f1 = np.where(said > 0, right / said, 0.0), 2 * right / (said + real)
        recall = right / real
    return tuple(np.where(real > 0, one, np.nan) for one in (precision, recall, f1))  # type: ignore[return-value]


def top(answers: Answers, places: int) -> float:
    """The share of photos whose class is among the best `places`; 1 by definition where there are no more classes."""
    own = answers.scores[np.arange(answers.images), answers.truths][:, None]
    earlier = np.arange(answers.scores.shape[1]) < answers.truths[:, None]
    better = (answers.scores > own) | ((answers.scores == own) & earlier)
    return float(((better.sum(1) < places) & (own[:, 0] > 0)).mean())


def log_loss(answers: Answers) -> float:
    """The mean of -log(the score of the true class), natural."""
    own = answers.scores[np.arange(answers.images), answers.truths].astype(np.float64)
    return float(-np.log(own.clip(LEAST, 1)).mean())


def calibration_error(answers: Answers) -> float:
    """How far confidence and accuracy are apart on average over BINS of confidence (Guo et al. 2017, equation 5)."""
    return float(sum(count * abs(sure - right) for count, sure, right in reliability(answers)) / answers.images)


def reliability(answers: Answers) -> list[tuple[int, float, float]]:
    """(photos, mean score of the said class, share that is right) of each bin of confidence that has photos."""
    sure, right = answers.scores.max(1).astype(np.float64), answers.said == answers.truths
    bins = np.ceil(sure * BINS).clip(1, BINS).astype(int)
    marks = [bins == number for number in range(1, BINS + 1)]
    return [(int(one.sum()), float(sure[one].mean()), float(right[one].mean())) for one in marks if one.any()]
