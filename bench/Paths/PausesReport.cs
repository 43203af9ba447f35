using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace VhostSwitch.Bench.Paths;

/// <summary>A whole run of pauses: for people, as JSON, and as a picture.</summary>
internal sealed record PausesReport(
    Settings Settings, IReadOnlyList<PauseSample> Samples, IReadOnlyList<Finding> Findings, IReadOnlyList<string> Legend, string Machine) : IReport
{
    /// <summary>What goals ask for: suspensions for collections.</summary>
    public static readonly string Collecting = $"suspensions over {Pauses.LimitUs} us for collections in a turn";

    /// <summary>Each figure.</summary>
    public static IReadOnlyList<Finding> FindingsOf(IReadOnlyList<PauseSample> samples)
    {
        var ours = samples.Where(s => s.Suspensions is not null).ToList();
        var loop = samples.Where(s => s.Suspensions is null);
        return
        [
            new(Collecting, Spread.Of(ours.Select(s => (double)s.Over))),
            new($"suspensions over {Pauses.LimitUs} us for other reasons in a turn", Spread.Of(ours.Select(s => (double)s.OverForOther))),
            new($"pauses over {Pauses.LimitUs} us of a {Pauses.Loop} in a turn", Spread.Of(loop.Select(s => (double)s.Over))),
            new("collections in a sample", Spread.Of(ours.Select(s => (double)s.Collections!))),
            new("bytes allocated by the poll thread in a sample", Spread.Of(ours.Select(s => (double)s.AllocatedBytes!))),
            new("kilobytes a second that all threads allocate", Spread.Of(ours.Select(s => s.KilobytesPerSecond!.Value))),
        ];
    }

    /// <inheritdoc/>
    public string ToSvg() => Plot.Svg(
        $"Pauses over {Pauses.LimitUs} us in {Settings.Seconds:0.#} s, control plane in use (lower is better)", Machine, "F1",
        [.. from bar in Bars() group bar by "pauses"]);

    /// <inheritdoc/>
    public string ToJson() => JsonSerializer.Serialize(this, PausesReportJson.Default.PausesReport);

    public override string ToString()
    {
        var text = new StringBuilder();
        Line($"pauses over {Pauses.LimitUs} us, control plane in use, turns of {Settings.Seconds:0.#} s, {Machine}");
        foreach (var contender in Samples.GroupBy(s => s.Contender))
        {
            double minutes = contender.Sum(s => s.Seconds) / 60;
            Line($"  {contender.Key}: {contender.Sum(s => s.Over)} pauses over {Pauses.LimitUs} us in {minutes:0.#} minutes, "
                + $"longest {contender.Max(s => s.LongestUs):F0} us");
        }
        foreach (var reason in Samples.SelectMany(s => s.Suspensions ?? []).GroupBy(s => s.Reason))
            Line($"  {reason.Key}: {reason.Count()}, {reason.Count(s => s.Us > Pauses.LimitUs)} over {Pauses.LimitUs} us, longest {reason.Max(s => s.Us):F0} us");
        foreach (var finding in Findings)
            Line($"  {finding.Tell()}");
        foreach (string line in Legend)
            Line($"  {line}");
        return text.ToString();

        void Line(string line) => text.Append(line).Append('\n');
    }

    private IEnumerable<PlotBar> Bars()
    {
        var ours = Samples.Where(s => s.Suspensions is not null).ToList();
        if (ours.Count == 0) yield break;
        yield return new($"{ours[0].Contender}: collections", [.. ours.Select(s => (double)s.Over)], true);
        yield return new($"{ours[0].Contender}: other suspensions", [.. ours.Select(s => (double)s.OverForOther)], true);
        yield return new(Pauses.Loop, [.. Samples.Where(s => s.Suspensions is null).Select(s => (double)s.Over)], false);
    }
}

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower, WriteIndented = true, UseStringEnumConverter = true)]
[JsonSerializable(typeof(PausesReport))]
internal sealed partial class PausesReportJson : JsonSerializerContext;
