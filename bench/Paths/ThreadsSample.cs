namespace VhostSwitch.Bench.Paths;

/// <summary>What a poll thread has done.</summary>
/// <param name="Core">Its core.</param>
/// <param name="Frames">Frames that it took in.</param>
/// <param name="ProcessorNs">Its processor time in nanoseconds.</param>
internal sealed record ThreadWork(int Core, ulong Frames, long ProcessorNs)
{
    /// <summary>Nanoseconds of processor time a frame, rounds without frames included; null where it had none.</summary>
    public double? NsPerFrame => Frames == 0 ? null : (double)ProcessorNs / Frames;
}

/// <summary>The switch with some poll threads, for a while.</summary>
/// <param name="Contender">How many it had, in words.</param>
/// <param name="Round">Samples of a round follow each other directly.</param>
/// <param name="Mpps">Million frames a second that arrived at all guests.</param>
/// <param name="Threads">Each poll thread.</param>
/// <param name="Lost">Frames lost.</param>
/// <param name="Changed">Frames changed or out of order.</param>
/// <param name="BeforeNs">Core-to-core time one way before the sample, in nanoseconds.</param>
/// <param name="AfterNs">The same after it.</param>
internal sealed record ThreadsSample(
    string Contender, int Round, double Mpps, IReadOnlyList<ThreadWork> Threads, ulong Lost, ulong Changed, double BeforeNs, double AfterNs) : ISample
{
    /// <inheritdoc/>
    public Placement Place => Placements.Of(BeforeNs, AfterNs);

    /// <summary>The threads in words.</summary>
    public string TellThreads() => string.Join(
        ", ", Threads.Select(t => $"core {t.Core}: {(t.NsPerFrame is { } ns ? $"{ns:F1} ns a frame" : "no frames")}"));
}
