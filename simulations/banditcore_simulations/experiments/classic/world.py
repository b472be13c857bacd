"""Five worlds of clicks, so that every policy may play in each: contexts that are independent, correlated, mostly
without meaning, whose meaning changes, or that say nothing but which audience somebody belongs to."""

from __future__ import annotations

WORLDS = {
    "independent": "logistic:base_rate=0.2",
    "correlated": "correlated:rewards=clicks,base_rate=0.2",
    "sparse": "sparse:rewards=clicks,features=20,base_rate=0.2",
    "drift": "drift:rewards=clicks,base_rate=0.2,period=2500",
    "audiences": "audiences:base_rate=0.2,constant=true",
}
