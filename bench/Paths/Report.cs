using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace VhostSwitch.Bench.Paths;

/// <summary>A whole run of frames a second: for people, as JSON, and as a picture.</summary>
internal sealed record Report(
    string Title, string Ours, Settings Settings, IReadOnlyList<Sample> Samples, IReadOnlyList<Finding> Findings, IReadOnlyList<string> Legend,
    string Machine) : IReport
{
    /// <inheritdoc/>
    public string ToSvg() => Plot.Svg(
        $"{Title}, {Settings.Ring}{Settings.Unusual}, one switch core: million frames a second (higher is better)", Machine, "F1",
        [.. from sample in Samples
            where sample.Place == Placement.Near
            group sample by (sample.Load, sample.Frames, sample.Contender) into g
            group new PlotBar(g.Key.Contender, [.. g.Select(s => s.Mpps)], g.Key.Contender == Ours) by $"{g.Key.Load}, {g.Key.Frames}"]);

    /// <inheritdoc/>
    public string ToJson() => JsonSerializer.Serialize(this, ReportJson.Default.Report);

    public override string ToString()
    {
        var text = new StringBuilder();
        Line($"{Title}, {Settings.Ring}, mergeable buffers {(Settings.Mergeable ? "on" : "off")}, {Machine}");
        foreach (var samples in Samples.GroupBy(s => $"{s.Load}, {s.Frames}: {s.Contender,-14}"))
        {
            foreach (var place in (Placement[])[Placement.Near, Placement.Far])
            {
                var there = samples.Where(s => s.Place == place).ToList();
                if (there.Count != 0) Line($"  {samples.Key} {Tell(there)}, cores {place.ToString().ToLowerInvariant()}");
            }
            if (!samples.Any(s => s.Place == Placement.Near)) Line($"  {samples.Key} inconclusive: no sample with the cores near each other");
        }
        foreach (var finding in Findings)
            Line($"  {finding.Tell()}");
        Line($"  {Samples.Sum(s => s.Inspection!.Drops ?? 0)} frames dropped by this switch");
        Line($"  lean guests: {Sum(s => s.Lost)} frames lost, {Sum(s => s.Changed)} changed or out of order");
        foreach (string line in Legend)
            Line($"  {line}");
        return text.ToString();

        void Line(string line) => text.Append(line).Append('\n');
        ulong Sum(Func<Sample, ulong?> value) => Samples.Aggregate(0UL, (sum, s) => sum + (value(s) ?? 0));
    }

    private static string Tell(List<Sample> samples)
    {
        double busy = Statistics.Median(samples.Select(s => s.Inspection!.BusyShare));
        var cycles = samples.Select(s => s.Inspection!.CyclesPerFrame).OfType<double>().ToList();
        string frame = cycles.Count == 0 ? "" : $", {Statistics.Median(cycles):F0} cycles a frame";
        string guests = samples[0].GuestsBusy is null ? ""
            : $", guests find something in {100 * Statistics.Median(samples.Select(s => s.GuestsBusy!.Value)):F0} % of rounds";
        return $"{Statistics.Median(samples.Select(s => s.Mpps)),7:F2} Mpps median of {samples.Count} "
            + $"({samples.Min(s => s.Mpps):F2} to {samples.Max(s => s.Mpps):F2}), {Inspection.Tell(busy)}{frame}{guests}";
    }
}

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower, WriteIndented = true, UseStringEnumConverter = true)]
[JsonSerializable(typeof(Report))]
internal sealed partial class ReportJson : JsonSerializerContext;
