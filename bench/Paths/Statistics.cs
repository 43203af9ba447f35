namespace VhostSwitch.Bench.Paths;

/// <summary>Some values of one quantity.</summary>
internal sealed record Spread(double Median, double Lowest, double Highest, double LowerQuartile, double UpperQuartile, int Count)
{
    /// <returns>Null where there is no value.</returns>
    public static Spread? Of(IEnumerable<double> values)
    {
        double[] sorted = [.. values.Order()];
        return sorted.Length == 0 ? null : new Spread(At(0.5), sorted[0], sorted[^1], At(0.25), At(0.75), sorted.Length);

        double At(double share) => Statistics.Quantile(sorted, share);
    }
}

internal static class Statistics
{
    public static double Median(IEnumerable<double> values) => Quantile([.. values.Order()], 0.5);

    /// <summary>The value that this share of sorted ones lies below, between two of them where it falls there.</summary>
    public static double Quantile(double[] sorted, double share)
    {
        double place = share * (sorted.Length - 1);
        int below = (int)place;
        return below == sorted.Length - 1 ? sorted[below] : sorted[below] + ((place - below) * (sorted[below + 1] - sorted[below]));
    }
}
