namespace VhostSwitch.Bench.Paths;

/// <summary>How this switch starts and how fast it is with some settings of the runtime.</summary>
/// <param name="Contender">The settings.</param>
/// <param name="Round">Samples of a round follow each other directly.</param>
/// <param name="StartMs">From the start of the process until its last socket is there, in milliseconds.</param>
/// <param name="FirstFrameMs">How long the first frame took, in milliseconds.</param>
/// <param name="FirstMpps">Million frames a second in the first hundredth of a second in which guests send.</param>
/// <param name="Mpps">The same some seconds later.</param>
/// <param name="BeforeNs">Core-to-core time one way before the sample, in nanoseconds.</param>
/// <param name="AfterNs">The same after it.</param>
internal sealed record SettingsSample(
    string Contender, int Round, double StartMs, double FirstFrameMs, double FirstMpps, double Mpps, double BeforeNs, double AfterNs) : ISample
{
    /// <inheritdoc/>
    public Placement Place => Placements.Of(BeforeNs, AfterNs);
}
