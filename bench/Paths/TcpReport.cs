using System.Text.Json;
using System.Text.Json.Serialization;

namespace VhostSwitch.Bench.Paths;

/// <summary>A whole run: for people, as JSON, and as a picture.</summary>
internal sealed record TcpReport(
    TcpSettings Settings, IReadOnlyList<TcpSample> Samples, IReadOnlyList<Finding> Findings, IReadOnlyList<string> Legend, string Machine)
    : IReport
{
    private const string All = "processor time", SwitchAlone = "switch alone", Whole = "switch with empty rounds", Rate = "rate";

    /// <summary>
    /// Ours beside each of the others: by all processor time, by that of the switch where both have one, with and without what a thread that polls for ever
    /// does in vain, and by the rate.
    /// </summary>
    public static IReadOnlyList<Finding> FindingsOf(IReadOnlyList<TcpSample> samples, string ours)
    {
        string[] others = [.. samples.Select(s => s.Contender).Distinct().Where(name => name != ours)];
        string[] switches = [.. others.Where(name => samples.Any(s => s.Contender == name && s.SwitchNs > 0))];
        return
        [
            .. others.Select(other => Finding.Ratio(
                $"{All}: {other} / {ours}", samples, ours, other, (a, b) => b.NsPerByte / a.NsPerByte)),
            .. switches.Select(other => Finding.Ratio(
                $"{SwitchAlone}: {other} / {ours}", samples, ours, other, (a, b) => b.SwitchNsPerByte / a.SwitchNsPerByte)),
            .. switches.Select(other => Finding.Ratio(
                $"{Whole}: {other} / {ours}", samples, ours, other, (a, b) => b.WholeSwitchNsPerByte / a.WholeSwitchNsPerByte)),
            .. others.Select(other => Finding.Ratio(
                $"{Rate}: {ours} / {other}", samples, ours, other, (a, b) => a.Gbps / b.Gbps)),
        ];
    }

    /// <inheritdoc/>
    public string ToJson() => JsonSerializer.Serialize(this, TcpReportJson.Default.TcpReport);

    /// <inheritdoc/>
    public string ToSvg() => Plot.Svg(
        "TCP with segmentation offload between two Linux guests: nanoseconds of processor time a byte (lower is better)", Machine, "F3",
    [
        .. Bars("all but the guests' own processors", s => s.NsPerByte),
        .. Bars("the switch's part; the kernel's bridge has no process", s => s.SwitchNsPerByte),
    ]);

    public override string ToString()
    {
        var text = new ReportText();
        text.Line($"{Settings.Bytes / 1e6:F0} MB of TCP from guest to guest, checksums and segments left to the receiver, {Machine}");
        text.Line("nanoseconds of processor time a byte: all but the guests' processors = the switch + QEMU's other threads");
        foreach (var group in Samples.Where(s => s.Place == Placement.Near).GroupBy(s => s.Contender))
        {
            string whole = group.Any(s => s.SwitchNs > 0) ? $", switch with empty rounds {Middle(s => s.WholeSwitchNsPerByte):F3}" : "";
            text.Line($"  {group.Key,-14} {Middle(s => s.NsPerByte):F3} median of {group.Count()} ({Range(s => s.NsPerByte, "F3")}) = " +
                $"{Middle(s => s.SwitchNsPerByte):F3} + {Middle(s => s.EmulatorNs / s.Bytes):F3}{whole}");
            text.Line($"  {"",-14} {Middle(s => s.Gbps):F2} Gbit/s ({Range(s => s.Gbps, "F2")}), {Middle(s => s.FrameBytes):F0} bytes a frame, " +
                $"{Middle(s => s.Retransmitted):F0} segments sent again, kernel's network threads {Middle(s => s.SoftInterruptNs / s.Bytes):F3} ns a byte");

            double Middle(Func<TcpSample, double> value) => Statistics.Median(group.Select(value));
            string Range(Func<TcpSample, double> value, string format) => $"{group.Min(value).ToString(format)} to {group.Max(value).ToString(format)}";
        }
        return text.End(Findings, Legend);
    }

    private IEnumerable<IGrouping<string, PlotBar>> Bars(string heading, Func<TcpSample, double> value) =>
        from sample in Samples
        where sample.Place == Placement.Near && value(sample) > 0
        group value(sample) by sample.Contender into g
        group new PlotBar(g.Key, [.. g], g.Key == GuestTcp.OurName) by heading;
}

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower, WriteIndented = true, UseStringEnumConverter = true)]
[JsonSerializable(typeof(TcpReport))]
internal sealed partial class TcpReportJson : JsonSerializerContext;
