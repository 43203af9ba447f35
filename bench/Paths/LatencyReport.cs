using System.Text.Json;
using System.Text.Json.Serialization;

namespace VhostSwitch.Bench.Paths;

/// <summary>A whole run of latencies: for people, as JSON, and as a picture.</summary>
internal sealed record LatencyReport(
    string Ours, string Pace, Settings Settings, IReadOnlyList<LatencySample> Samples, IReadOnlyList<Finding> Findings, IReadOnlyList<string> Legend,
    string Machine) : IReport
{
    // What is compared, and by which name.
    private static readonly (string Name, double Share, Func<LatencyPoint, double> Value)[] Quantiles =
        [("p50", 0.5, p => p.P50Us), ("p99", 0.99, p => p.P99Us), ("p99.9", 0.999, p => p.P999Us), ("max", 1, p => p.MaxUs)];

    /// <summary>
    /// Our latencies over those of the others: below 1 where ours are shorter. The longest are not compared: they tell of the machine.
    /// </summary>
    public static IReadOnlyList<Finding> FindingsOf(IReadOnlyList<LatencySample> samples, Settings settings, string ours) =>
    [
        .. from other in samples.Select(s => s.Contender).Distinct()
           where other != ours
           from percent in Latency.Percents
           from quantile in Quantiles.SkipLast(1)
           let name = $"{settings.Name("lean guests", settings.Frames)}, {quantile.Name} at {percent} % load: {ours} / {other}"
           let telling = samples.Where(s => s.At(percent).Tells(quantile.Share)).ToList()
           from finding in Finding.Ratios(name, telling, ours, other, (a, b) => quantile.Value(a.At(percent)) / quantile.Value(b.At(percent)))
           select finding,
    ];

    /// <inheritdoc/>
    public string ToSvg() => Plot.Svg(
        $"Latency from guest to guest, {Settings.Frames.Name}, {Settings.Ring}{Settings.Unusual}: microseconds (lower is better)", Machine, "F1",
        [.. from percent in Latency.Percents
            from quantile in Quantiles.SkipLast(1)
            from sample in Samples
            where sample.Place == Placement.Near && sample.At(percent).Tells(quantile.Share)
            group quantile.Value(sample.At(percent)) by (percent, quantile.Name, sample.Contender) into g
            group new PlotBar(g.Key.Contender, [.. g], g.Key.Contender == Ours) by $"{g.Key.Name} at {g.Key.percent} % of {Pace}'s closed loop"],
        oneScale: false);

    /// <inheritdoc/>
    public string ToJson() => JsonSerializer.Serialize(this, LatencyReportJson.Default.LatencyReport);

    public override string ToString()
    {
        var text = new ReportText();
        text.Line($"latency from guest to guest, {Settings.Frames.Name}, {Settings.Ring}{Settings.Unusual}, {Machine}");
        text.Line($"microseconds, medians of samples with the cores near each other; the same rates for all: shares of {Pace}'s closed loop");
        foreach (var samples in Samples.GroupBy(s => s.Contender))
        {
            var near = samples.Where(s => s.Place == Placement.Near).ToList();
            if (near.Count == 0)
            {
                text.Line($"  {samples.Key,-14} inconclusive: no sample with the cores near each other");
                continue;
            }
            text.Line($"  {samples.Key,-14} {Middle(near, s => s.ClosedLoopMpps):F2} Mpps in its closed loop, {near.Count} samples, "
                + $"{samples.Aggregate(0UL, (sum, s) => sum + s.Lost)} frames lost, {samples.Aggregate(0UL, (sum, s) => sum + s.Changed)} changed; "
                + $"at {Latency.Percents[^1]} % {Inspection.Tell(Middle(near, s => s.Inspection.BusyShare))}");
            foreach (int percent in Latency.Percents) TellRate(text, percent, [.. near.Select(s => s.At(percent))]);
        }
        return text.End(Findings, Legend);
    }

    private static void TellRate(ReportText text, int percent, List<LatencyPoint> points)
    {
        text.Line($"  {"",-14} {percent,3} %, {Middle(points, p => p.WantedMpps):F2} Mpps: " + string.Join(", ", Quantiles.Select(Tell)));
        text.Line($"  {"",-20} the guests had no core for {100 * Middle(points, p => p.GuestsAway):F2} % of the time, which counts for nobody; the host had the "
            + $"switch's for {100 * Middle(points, p => p.HostHad):F2} %, so {100 * Middle(points, p => p.Uncounted):F1} % of the stretches of a tick count for "
            + $"nobody (with them p99.9 {Middle(points, p => p.AllP999Us):F1})");
        foreach (var point in points.Where(p => p.Tell() != ""))
            text.Line($"  {"",-20} in one sample{point.Tell()}");

        string Tell((string Name, double Share, Func<LatencyPoint, double> Value) quantile)
        {
            // What the longest wait is made of nobody can tell: it is shown as it is.
            var telling = quantile.Share == 1 ? points : [.. points.Where(p => p.Tells(quantile.Share))];
            return telling.Count == 0 ? $"{quantile.Name} not to be told"
                : $"{quantile.Name} {Middle(telling, quantile.Value),8:F1} ({telling.Min(quantile.Value):F1} to {telling.Max(quantile.Value):F1})";
        }
    }

    private static double Middle<T>(IEnumerable<T> of, Func<T, double> value) => Statistics.Median(of.Select(value));
}

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower, WriteIndented = true, UseStringEnumConverter = true)]
[JsonSerializable(typeof(LatencyReport))]
internal sealed partial class LatencyReportJson : JsonSerializerContext;
