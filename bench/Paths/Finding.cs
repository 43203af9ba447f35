using System.Globalization;

namespace VhostSwitch.Bench.Paths;

/// <summary>One thing that a run has found.</summary>
/// <param name="What">What it is; runs of the same case use the same words.</param>
/// <param name="Spread">The values; null where there is none: inconclusive.</param>
/// <param name="Why">Why there is none, where it is known.</param>
internal sealed record Finding(string What, Spread? Spread, string? Why = null)
{
    /// <summary>How two contenders compare, over the rounds in which both were sampled with the cores at the same distance.</summary>
    /// <param name="what">What is compared, and under which load; the one whose value is divided by the other's comes first.</param>
    /// <param name="samples">All samples of it.</param>
    /// <param name="ours">The first contender.</param>
    /// <param name="over">The other one.</param>
    /// <param name="advantage">By how much the first of two samples of a round is ahead of the second; above 1 where it is ahead.</param>
    /// <param name="place">The distance.</param>
    public static Finding Ratio<T>(
        string what, IEnumerable<T> samples, string ours, string over, Func<T, T, double> advantage, Placement place = Placement.Near)
        where T : ISample
    {
        var there = samples.Where(s => s.Place == place).ToList();
        var pairs = from a in there where a.Contender == ours from b in there where b.Contender == over && b.Round == a.Round select (a, b);
        return new Finding(
            place == Placement.Near ? what : $"{what}, cores {place.ToString().ToLowerInvariant()}",
            Spread.Of(pairs.Select(pair => advantage(pair.a, pair.b))));
    }

    /// <summary>The same for cores near each other and, where there are such pairs, for cores far from each other.</summary>
    /// <inheritdoc cref="Ratio"/>
    public static IEnumerable<Finding> Ratios<T>(string what, IReadOnlyList<T> samples, string ours, string over, Func<T, T, double> advantage)
        where T : ISample
    {
        yield return Ratio(what, samples, ours, over, advantage);
        var far = Ratio(what, samples, ours, over, advantage, Placement.Far);
        if (far.Spread is not null) yield return far;
    }

    /// <summary>The finding in words.</summary>
    public string Tell() => Spread is null ? $"{What}: inconclusive{(Why is null ? "" : $": {Why}")}" : string.Create(
        CultureInfo.InvariantCulture, $"{What}: {Spread.Median:0.00} median of {Spread.Count} ({Spread.Lowest:0.00} to {Spread.Highest:0.00})");
}
