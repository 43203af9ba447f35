using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace VhostSwitch.Bench.Paths;

/// <summary>A whole run of latencies: for people, as JSON, and as a picture.</summary>
internal sealed record LatencyReport(
    string Ours, Settings Settings, IReadOnlyList<LatencySample> Samples, IReadOnlyList<Finding> Findings, IReadOnlyList<string> Legend,
    string Machine) : IReport
{
    // What is compared, and by which name.
    private static readonly (string Name, Func<LatencyPoint, double> Value)[] Quantiles =
        [("p50", p => p.P50Us), ("p99", p => p.P99Us), ("p99.9", p => p.P999Us), ("max", p => p.MaxUs)];

    /// <summary>The others' latencies over those of the first contender: above 1 where it is ahead.</summary>
    public static IReadOnlyList<Finding> FindingsOf(IReadOnlyList<LatencySample> samples, Settings settings)
    {
        string[] names = [.. samples.Select(s => s.Contender).Distinct()];
        return
        [
            .. from other in names.Skip(1)
               from percent in Latency.Percents
               from quantile in Quantiles
               let name = $"{settings.Name("lean guests", settings.Frames)}, {quantile.Name} at {percent} % load: {other} / {names[0]}"
               from finding in Finding.Ratios(
                   name, samples, names[0], other, (a, b) => quantile.Value(b.At(percent)) / quantile.Value(a.At(percent)))
               select finding,
        ];
    }

    /// <inheritdoc/>
    public string ToSvg() => Plot.Svg(
        $"Latency from guest to guest, {Settings.Frames.Name}, {Settings.Ring}{Settings.Unusual}: microseconds (lower is better)", Machine, "F1",
        [.. from percent in Latency.Percents
            from quantile in Quantiles.Take(3)
            from sample in Samples
            where sample.Place == Placement.Near
            group quantile.Value(sample.At(percent)) by (percent, quantile.Name, sample.Contender) into g
            group new PlotBar(g.Key.Contender, [.. g], g.Key.Contender == Ours) by $"{g.Key.Name} at {g.Key.percent} % of its own closed loop"],
        oneScale: false);

    /// <inheritdoc/>
    public string ToJson() => JsonSerializer.Serialize(this, LatencyReportJson.Default.LatencyReport);

    public override string ToString()
    {
        var text = new StringBuilder();
        Line($"latency from guest to guest, {Settings.Frames.Name}, {Settings.Ring}{Settings.Unusual}, {Machine}");
        Line("microseconds, medians of samples with the cores near each other; loads are shares of the contender's own closed loop");
        foreach (var samples in Samples.GroupBy(s => s.Contender))
        {
            var near = samples.Where(s => s.Place == Placement.Near).ToList();
            if (near.Count == 0)
            {
                Line($"  {samples.Key,-14} inconclusive: no sample with the cores near each other");
                continue;
            }
            Line($"  {samples.Key,-14} {Statistics.Median(near.Select(s => s.ClosedLoopMpps)):F2} Mpps in the closed loop, {near.Count} samples, "
                + $"{samples.Aggregate(0UL, (sum, s) => sum + s.Lost)} frames lost, {samples.Aggregate(0UL, (sum, s) => sum + s.Changed)} changed; "
                + $"at {Latency.Percents[^1]} % {Inspection.Tell(Statistics.Median(near.Select(s => s.Inspection.BusyShare)))}");
            foreach (int percent in Latency.Percents)
            {
                var points = near.Select(s => s.At(percent)).ToList();
                Line($"  {"",-14} {percent,3} %: "
                    + string.Join(", ", Quantiles.Select(q => $"{q.Name} {Statistics.Median(points.Select(q.Value)),8:F1} "
                        + $"({points.Min(q.Value):F1} to {points.Max(q.Value):F1})"))
                    + (points.TrueForAll(p => p.KeptUp) ? "" : "; not all of the rate arrived"));
            }
        }
        foreach (var finding in Findings)
            Line($"  {finding.Tell()}");
        foreach (string line in Legend)
            Line($"  {line}");
        return text.ToString();

        void Line(string line) => text.Append(line).Append('\n');
    }
}

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower, WriteIndented = true, UseStringEnumConverter = true)]
[JsonSerializable(typeof(LatencyReport))]
internal sealed partial class LatencyReportJson : JsonSerializerContext;
