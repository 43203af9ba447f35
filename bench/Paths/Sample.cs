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
internal sealed record Sample(string Contender, string Load, int Round, double Mpps, double BeforeNs, double AfterNs, ulong? Lost, ulong? Changed, Inspection? Inspection) : ISample
{
    /// <inheritdoc/>
    public bool IsNear => BeforeNs < CoreDistance.NearNs && AfterNs < CoreDistance.NearNs;
}

/// <summary>How one contender compares with another, over the rounds in which both were sampled near.</summary>
/// <param name="Load">The load, or what is compared under it.</param>
/// <param name="Over">The other contender.</param>
/// <param name="Median">The median of the rounds' ratios, above 1 where ours is ahead; null where there is no such round: inconclusive.</param>
/// <param name="Lowest">The lowest of them.</param>
/// <param name="Highest">The highest of them.</param>
/// <param name="Pairs">How many rounds.</param>
internal sealed record Ratio(string Load, string Over, double? Median, double? Lowest, double? Highest, int Pairs)
{
    /// <param name="samples">All samples of the load.</param>
    /// <param name="advantage">By how much the first of two samples of a round, which is ours, is ahead of the second.</param>
    public static Ratio Of<T>(IEnumerable<T> samples, string load, string ours, string over, Func<T, T, double> advantage)
        where T : ISample
    {
        var near = samples.Where(s => s.IsNear).ToList();
        double[] ratios = [.. from a in near where a.Contender == ours
                              from b in near where b.Contender == over && b.Round == a.Round
                              select advantage(a, b)];
        return ratios.Length == 0
            ? new Ratio(load, over, null, null, null, 0)
            : new Ratio(load, over, Statistics.Median(ratios), ratios.Min(), ratios.Max(), ratios.Length);
    }

    /// <summary>The ratio in words.</summary>
    public string Tell(string ours) => Median is null ? $"{Load,-15} {ours} / {Over}: inconclusive"
        : $"{Load,-15} {ours} / {Over}: {Median:F2} median of {Pairs} pairs ({Lowest:F2} to {Highest:F2})";
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
