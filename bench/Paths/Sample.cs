namespace VhostSwitch.Bench.Paths;

/// <summary>One measurement of one contender under one load.</summary>
/// <param name="Contender">Its name.</param>
/// <param name="Load">The load's name.</param>
/// <param name="Round">Samples of a round follow each other directly.</param>
/// <param name="Mpps">Million frames a second, both directions added.</param>
/// <param name="BeforeNs">Core-to-core time one way before the sample, in nanoseconds.</param>
/// <param name="AfterNs">The same after it.</param>
/// <param name="Lost">Frames lost, where the load can tell.</param>
/// <param name="Changed">Frames changed or out of order, where the load looks.</param>
/// <param name="Inspection">What the contender said of itself.</param>
internal sealed record Sample(string Contender, string Load, int Round, double Mpps, double BeforeNs, double AfterNs, ulong? Lost, ulong? Changed, Inspection? Inspection)
{
    /// <summary>True where the cores were near each other before and after. A change in between stays unseen.</summary>
    public bool IsNear => BeforeNs < CoreDistance.NearNs && AfterNs < CoreDistance.NearNs;
}

/// <summary>How much faster one contender is than another, over the rounds in which both were sampled near.</summary>
/// <param name="Load">The load.</param>
/// <param name="Over">The other contender.</param>
/// <param name="Median">The median of the rounds' ratios; null where there is no such round: inconclusive.</param>
/// <param name="Lowest">The lowest of them.</param>
/// <param name="Highest">The highest of them.</param>
/// <param name="Pairs">How many rounds.</param>
internal sealed record Ratio(string Load, string Over, double? Median, double? Lowest, double? Highest, int Pairs)
{
    public static Ratio Of(IReadOnlyList<Sample> samples, string load, string ours, string over)
    {
        var near = samples.Where(s => s.Load == load && s.IsNear).ToList();
        double[] ratios = [.. from a in near where a.Contender == ours
                              from b in near where b.Contender == over && b.Round == a.Round
                              select a.Mpps / b.Mpps];
        return ratios.Length == 0
            ? new Ratio(load, over, null, null, null, 0)
            : new Ratio(load, over, Statistics.Median(ratios), ratios.Min(), ratios.Max(), ratios.Length);
    }
}

internal static class Statistics
{
    public static double Median(IEnumerable<double> values)
    {
        double[] sorted = [.. values.Order()];
        int middle = sorted.Length / 2;
        return sorted.Length % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
    }
}
