namespace VhostSwitch.Bench.Paths;

/// <summary>The latency of frames at one rate: from when a frame was due until the other guest found it, in microseconds.</summary>
/// <param name="LoadPercent">The rate, as a share of the closed loop of the contender that sets the rates.</param>
/// <param name="WantedMpps">The rate, in million frames a second, both directions added.</param>
/// <param name="Mpps">What arrived.</param>
/// <param name="GuestsBusy">The share of the guests' rounds in which there was something to do.</param>
/// <param name="GuestsLate">The share of frames that were sent late although the switch would have taken them: the guests' fault.</param>
/// <param name="GuestsAway">The share of the time in which the guests had no core: it counts neither in the rate nor as anyone's latency.</param>
/// <param name="SwitchAway">The share of the time in which the contender's thread waited for its core, which somebody else had.</param>
/// <param name="Sleeps">How often the contender's thread went to sleep.</param>
/// <param name="Lost">Frames found to be lost.</param>
/// <param name="HostHad">The share of the time in which the host had taken the contender's core away.</param>
/// <param name="Uncounted">The share of the stretches of a tick that count as nobody's latency for that.</param>
/// <param name="AllP999Us">999 of 1000 frames took no longer, with those stretches.</param>
/// <param name="P50Us">Half of the frames took no longer.</param>
/// <param name="P99Us">99 of 100.</param>
/// <param name="P999Us">999 of 1000.</param>
/// <param name="MaxUs">The slowest.</param>
internal sealed record LatencyPoint(
    int LoadPercent, double WantedMpps, double Mpps, double GuestsBusy, double GuestsLate, double GuestsAway, double SwitchAway, long Sleeps, ulong Lost,
    double HostHad, double Uncounted, double AllP999Us, double P50Us, double P99Us, double P999Us, double MaxUs)
{
    // Of the stretches: of 500 in two seconds 25 are left.
    private const double MostUncounted = 0.95;

    /// <summary>False where less arrived than was wanted: then the figures grow with the time of the measurement.</summary>
    public bool KeptUp => Mpps >= 0.99 * WantedMpps;

    /// <summary>
    /// Whether a quantile says something of the contender: where the guests themselves were late with as many frames as lie above it, it is their
    /// own time; where the contender had no core for as long, it is that of who had it; and a few stretches tell nothing.
    /// </summary>
    /// <param name="share">The quantile: 0.999 for p99.9.</param>
    public bool Tells(double share) => GuestsLate < 1 - share && SwitchAway < 1 - share && Uncounted <= MostUncounted;

    /// <summary>What is to be known beside the figures, in words; nothing where all is well.</summary>
    public string Tell() =>
        (KeptUp ? "" : $", {Mpps:F2} of {WantedMpps:F2} Mpps arrived")
        + (Lost == 0 ? "" : $", {Lost} frames lost")
        + (GuestsLate < 0.001 ? "" : $", {100 * GuestsLate:F1} % late by the guests themselves (busy {100 * GuestsBusy:F0} %)")
        + (Sleeps == 0 ? "" : $", slept {Sleeps} times")
        + (SwitchAway < 0.001 ? "" : $", others had the switch's core for {100 * SwitchAway:F2} % of the time");
}

/// <summary>One contender at all rates.</summary>
/// <param name="Contender">Its name.</param>
/// <param name="Round">Samples of a round follow each other directly.</param>
/// <param name="ClosedLoopMpps">What it forwarded when the window was the only limit.</param>
/// <param name="Points">By rate.</param>
/// <param name="Lost">Frames lost, at all rates and between them.</param>
/// <param name="Changed">Frames changed or out of order.</param>
/// <param name="Inspection">What the contender said of itself at the highest rate.</param>
/// <param name="BeforeNs">Core-to-core time one way before the sample, in nanoseconds.</param>
/// <param name="AfterNs">The same after it.</param>
internal sealed record LatencySample(
    string Contender, int Round, double ClosedLoopMpps, IReadOnlyList<LatencyPoint> Points, ulong Lost, ulong Changed, Inspection Inspection,
    double BeforeNs, double AfterNs) : ISample
{
    /// <inheritdoc/>
    public Placement Place => Placements.Of(BeforeNs, AfterNs);

    /// <summary>The point at a rate.</summary>
    public LatencyPoint At(int percent) => Points.Single(p => p.LoadPercent == percent);
}
