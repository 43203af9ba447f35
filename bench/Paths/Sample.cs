namespace VhostSwitch.Bench.Paths;

/// <summary>One measurement of one contender under one load.</summary>
/// <param name="Contender">Its name.</param>
/// <param name="Load">The load's name.</param>
/// <param name="Frames">The frames' lengths, in words.</param>
/// <param name="Round">Samples of a round follow each other directly.</param>
/// <param name="Mpps">Million frames a second, both directions added.</param>
/// <param name="BeforeNs">Core-to-core time one way before the sample, in nanoseconds.</param>
/// <param name="AfterNs">The same after it.</param>
/// <param name="GuestsBusy">The share of the guests' rounds in which there was something to do, where the load can tell.</param>
/// <param name="Lost">Frames lost, where the load can tell.</param>
/// <param name="Changed">Frames changed or out of order, where the load looks.</param>
/// <param name="Inspection">What the contender said of itself.</param>
/// <param name="Gbps">Gigabits a second of whole frames, where they are long.</param>
internal sealed record Sample(
    string Contender, string Load, string Frames, int Round, double Mpps, double BeforeNs, double AfterNs,
    double? GuestsBusy = null, ulong? Lost = null, ulong? Changed = null, Inspection? Inspection = null, double? Gbps = null)
    : ISample
{
    /// <inheritdoc/>
    public Placement Place => Placements.Of(BeforeNs, AfterNs);
}
