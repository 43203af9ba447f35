namespace VhostSwitch.Bench.Paths;

/// <summary>The processor time of one contender that has little to do, and what frames wait for it meanwhile.</summary>
/// <param name="Contender">Its name.</param>
/// <param name="Round">Samples of a round follow each other directly.</param>
/// <param name="Ports">Ports with a guest, all but two without traffic.</param>
/// <param name="IdlePercent">Processor time of its process without frames, in percent of one core.</param>
/// <param name="TricklePercent">The same with 1,000 frames a second.</param>
/// <param name="P50Us">Half of those frames took no longer, in microseconds.</param>
/// <param name="P99Us">99 of 100.</param>
/// <param name="BeforeNs">Core-to-core time one way before the sample, in nanoseconds.</param>
/// <param name="AfterNs">The same after it.</param>
internal sealed record IdleSample(
    string Contender, int Round, int Ports, double IdlePercent, double TricklePercent, double P50Us, double P99Us, double BeforeNs, double AfterNs)
    : ISample
{
    /// <inheritdoc/>
    public Placement Place => Placements.Of(BeforeNs, AfterNs);
}
