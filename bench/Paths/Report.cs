using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace VhostSwitch.Bench.Paths;

/// <summary>A whole run: for people, as JSON, and as a picture.</summary>
internal sealed record Report(Settings Settings, IReadOnlyList<Sample> Samples, IReadOnlyList<Ratio> Ratios, IReadOnlyList<string> Legend, string Machine)
{
    [JsonIgnore]
    public IEnumerable<(string Load, string Contender, double[] Near)> Groups =>
        from sample in Samples
        group sample by (sample.Load, sample.Contender) into g
        select (g.Key.Load, g.Key.Contender, g.Where(s => s.IsNear).Select(s => s.Mpps).ToArray());

    /// <summary>The picture of the report.</summary>
    public string ToSvg() => Plot.Svg(
        $"Guest to guest, {Settings.FrameSize}-byte frames, {Settings.Ring}, one switch core: million frames a second (higher is better)", Machine, "F1",
        [.. from g in Groups where g.Near.Length > 0 group new PlotBar(g.Contender, g.Near, g.Contender == VmToVm.OurName) by g.Load]);

    public string ToJson() => JsonSerializer.Serialize(this, ReportJson.Default.Report);

    public override string ToString()
    {
        var text = new StringBuilder();
        Line($"{Settings.FrameSize}-byte frames, {Settings.Ring}, mergeable buffers {(Settings.Mergeable ? "on" : "off")}, {Machine}");
        foreach (var (load, contender, near) in Groups)
            Line(near.Length == 0 ? $"  {load,-15} {contender,-14} inconclusive: no sample with the cores near each other"
                : $"  {load,-15} {contender,-14} {Statistics.Median(near),7:F2} Mpps median of {near.Length} ({near.Min():F2} to {near.Max():F2})");
        foreach (var ratio in Ratios)
            Line("  " + ratio.Tell(VmToVm.OurName));
        var ours = Samples.Where(s => s.Contender == VmToVm.OurName).ToList();
        Line($"  {VmToVm.OurName}: {ours.Sum(s => s.Inspection!.Collections)} collections, {ours.Sum(s => s.Inspection!.AllocatedBytes)} bytes allocated by the poll thread, {ours.Sum(s => s.Inspection!.Drops)} frames dropped");
        Line($"  {VmToVm.OurName}, lean guests: {Sum(ours, s => s.Lost)} frames lost, {Sum(ours, s => s.Changed)} changed or out of order");
        foreach (string line in Legend)
            Line($"  {line}");
        return text.ToString();

        void Line(string line) => text.Append(line).Append('\n');
    }

    private static ulong Sum(IEnumerable<Sample> samples, Func<Sample, ulong?> value) => samples.Aggregate(0UL, (sum, s) => sum + (value(s) ?? 0));
}

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower, WriteIndented = true)]
[JsonSerializable(typeof(Report))]
internal sealed partial class ReportJson : JsonSerializerContext;
