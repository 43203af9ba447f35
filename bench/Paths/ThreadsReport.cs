using System.Text.Json;
using System.Text.Json.Serialization;

namespace VhostSwitch.Bench.Paths;

/// <summary>A whole run with one poll thread and two: for people, as JSON, and as a picture.</summary>
internal sealed record ThreadsReport(
    Settings Settings, IReadOnlyList<ThreadsSample> Samples, IReadOnlyList<Finding> Findings, IReadOnlyList<string> Legend, string Machine) : IReport
{
    /// <inheritdoc/>
    public string ToSvg() => Plot.Svg(
        $"Two pairs of guests, {Settings.Frames.Name}, {Settings.Ring}", Machine, "F1",
        [
            .. from sample in Samples
               where sample.Place == Placement.Near
               group sample.Mpps by sample.Contender into g
               group new PlotBar(g.Key, [.. g], IsOurs: true) by "million frames a second (higher is better)",
            .. from sample in Samples
               where sample.Place == Placement.Near
               from thread in sample.Threads
               where thread.NsPerFrame is not null
               group thread.NsPerFrame!.Value by $"{sample.Contender}, core {thread.Core}" into g
               group new PlotBar(g.Key, [.. g], IsOurs: true) by "processor time of each poll thread, ns a frame (lower is better)",
        ],
        oneScale: false);

    /// <inheritdoc/>
    public string ToJson() => JsonSerializer.Serialize(this, ThreadsReportJson.Default.ThreadsReport);

    public override string ToString()
    {
        var text = new ReportText();
        text.Line($"two pairs of lean guests, {Settings.Frames.Name}, {Settings.Ring}{Settings.Unusual}, {Machine}");
        foreach (var samples in Samples.GroupBy(s => s.Contender))
        {
            var near = samples.Where(s => s.Place == Placement.Near).ToList();
            text.Line(near.Count == 0 ? $"  {samples.Key,-16} inconclusive: no sample with the cores near each other"
                : $"  {samples.Key,-16} {Statistics.Median(near.Select(s => s.Mpps)):F2} Mpps median of {near.Count} ({near.Min(s => s.Mpps):F2} to "
                    + $"{near.Max(s => s.Mpps):F2}), {samples.Aggregate(0UL, (sum, s) => sum + s.Lost)} frames lost, "
                    + $"{samples.Aggregate(0UL, (sum, s) => sum + s.Changed)} changed");
            foreach (var sample in near) text.Line($"  {"",-16} round {sample.Round}: processor time {sample.TellThreads()}");
        }
        return text.End(Findings, Legend);
    }
}

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower, WriteIndented = true, UseStringEnumConverter = true)]
[JsonSerializable(typeof(ThreadsReport))]
internal sealed partial class ThreadsReportJson : JsonSerializerContext;
