namespace VhostSwitch.Bench.Paths;

/// <summary>What a contender tells of itself while frames flow.</summary>
/// <param name="BusyShare">The share of its poll thread's time in which it worked on frames.</param>
/// <param name="CyclesPerFrame">The cycles it worked on one, where it says so.</param>
/// <param name="Collections">Garbage collections; null for those that have none.</param>
/// <param name="AllocatedBytes">Bytes its poll thread allocated.</param>
/// <param name="Drops">Frames it dropped, where it says so.</param>
internal sealed record Inspection(double BusyShare, double? CyclesPerFrame = null, int? Collections = null, long? AllocatedBytes = null, long? Drops = null)
{
    private const double Limit = 0.8;

    /// <summary>A share in words, and whether a contender that is so busy is what limits the rate.</summary>
    public static string Tell(double busyShare) => $"switch busy {100 * busyShare:F0} %{(busyShare < Limit ? ", not the limit" : "")}";
}
