"""What can be wrong with a data set, or only odd in it, whatever the format: as photos with marks on them."""

from __future__ import annotations

from dataclasses import dataclass, field

Box = tuple[float, float, float, float]
SIZE = (40, 30)
NOBODY = 99  # a class number that no class has


@dataclass(frozen=True, slots=True)
class Mark:
    """One annotated object; `hard`: to be ignored, in its class; `anything`: a region to be ignored in all."""

    box: Box
    kind: int = 0
    hard: bool = False
    anything: bool = False


@dataclass(frozen=True, slots=True)
class Photo:
    """One photo; `seed` draws its pixels, `there` and `annotated` say which of the two files exist."""

    marks: tuple[Mark, ...]
    seed: int
    size: tuple[int, int] = SIZE
    there: bool = True
    annotated: bool = True


@dataclass(frozen=True, slots=True)
class Scene:
    """Some photos, and the ways of writing them that are the dirt; `needs` is what a format must be able to say."""

    photos: tuple[Photo, ...]
    needs: frozenset[str] = field(default_factory=frozenset)
    truncated: bool = False
    turned: bool = False  # the classes in another order
    coco: bool = False  # class numbers are COCO's ids, 1 to 90, of 80 classes


def scene(*marks: Mark, needs: str = "boxes", **how: bool) -> Scene:
    """Six photos with an object each, and `marks` on the first of them too."""
    plain = [Photo((Mark((2, 3, 20, 25), number % 2),), number) for number in range(6)]
    return Scene((Photo(plain[0].marks + marks, 0), *plain[1:]), frozenset(needs.split()), **how)


def with_photo(photo: Photo, needs: str = "") -> Scene:
    """The six photos and one more."""
    return Scene((*scene().photos, photo), frozenset(needs.split()))


BESIDE = (Mark((2, 3, 20, 25)),)
GRID = tuple(Mark((x, y, x + 5.5, y + 4.5)) for x in range(1, 35, 6) for y in range(1, 25, 5))[:29]
DIRT = {
    "box without an area": scene(Mark((5, 5, 5, 20))),
    "inside-out box": scene(Mark((30, 20, 10, 25)), needs="boxes corners"),
    "30 boxes on a photo": scene(*GRID),
    "box on the border": scene(Mark((0, 0, 40, 30)), Mark((30, 10, 40, 20))),
    "box that sticks out of the photo": scene(Mark((-20, -5, 60, 25))),
    "box outside the photo": scene(Mark((50, 5, 60, 20))),
    "boxes that touch, tiny ones": scene(Mark((20, 3, 30, 25)), Mark((31, 3, 32.5, 4))),
    "truncated object": scene(Mark((25, 3, 40, 25)), needs="boxes truncated", truncated=True),
    "difficult object, crowd": scene(Mark((25, 3, 38, 25), hard=True), needs="boxes hard"),
    "region without labels": scene(Mark((22, 0, 40, 30), anything=True), needs="boxes region"),
    "unknown class": scene(Mark((25, 3, 38, 25), NOBODY), needs="boxes classes"),
    "classes in another order": scene(needs="boxes numbers", turned=True),
    "class numbers 1 to 90": scene(needs="boxes numbers", coco=True),
    "photos of different sizes": with_photo(Photo(BESIDE, 7, (64, 48))),
    "photo without annotation": with_photo(Photo(BESIDE, 7, annotated=False), "apart"),
    "annotation without photo": with_photo(Photo(BESIDE, 7, there=False), "apart"),
    "same photo in two classes": with_photo(Photo((Mark((2, 3, 20, 25), 1),), 0), "two"),
}
