"""Has a change made a policy learn worse? Regret of every policy on small worlds, against the regret kept in the
repository, seed by seed.

    python -m banditcore_simulations.gate            compares; exit 1 where a policy is worse, or is not kept
    python -m banditcore_simulations.gate --write    keeps what is found now

The same seed is the same visitors, luck and draws, so a policy that did not change has exactly the regret that is kept.
One that did is judged by its differences over seeds (`judge`): if it only draws otherwise, by the same law, the check
fails with probability 1e-3 at most, over all comparisons together. Another machine or another NumPy may round
otherwise and so flip an arm here and there: harmless, as regrets are judged and not bytes.

How small a harm is found (measured, six pairs of re-drawn runs of each case, the later multiplied): a tenth more regret
in 0 to .7 of the pairs for a policy that learns and does not forget, in all for most that forget; a fifth more in all
pairs in clicks, masked and late, .7 of them in numbers; three tenths always. SquareCB scatters most and needs half as
much again. A policy that is worse in all worlds has four chances to be found. "offers", where a run is stuck or is not,
is there for those who do not explore: nothing below twice the regret is found there. In 300 comparisons of runs that
only drew otherwise none came near an alarm (2.4, where 4.4 is one).
"""
