"""The mathematics: distributions over label maps, their directions and measures.

Read in this order: `decodable` (what every distribution offers), `distribution` (dense and obvious,
with `dense`, `binary`, `deciding`, `margins` and `marginals` for how it decodes), `latent` and
`presence` (what is drawn), `hypotheses`, `spread`, then `directions` (the slider), `given` (clicks
and conditions) and `summaries` (sizes, cards, contours, lesions).

`ensemble` makes a distribution of any networks, `members` says what each of them outlined (`few`
where they stand for all); `reading`, `gathered`, `contrasts`, `signed`, `numbering` and `odd` are
how they come. `columns`, `packed` and `begun` store large ones, equal to the dense way bit for bit.

`change` compares two scans, `adjudicating` several people, and what was measured is judged by
`metrics`, which is `overlap`, `surface`, `scores` and `statistics`. What all have in common:
`counts` and `measures` (voxels, volumes), `kinds` (names), `kept`, `parallel`, `products`,
`tensors`; `likeness` says how like the training images an image is.
"""
