using System.Globalization;

namespace VhostSwitch.Control.Configuration;

/// <summary>What can be changed about an interface while its frames flow.</summary>
public sealed record PortTuning
{
    private const int DefaultRetries = 8;
    private const int MostRetries = 32;

    /// <summary>How often frames for a full guest are tried again; null for what the switch does.</summary>
    public int? Retries { get; private init; }

    /// <summary>The cores that queues are polled on, by the queues' numbers; the others are where they are best.</summary>
    public IReadOnlyDictionary<int, int> CoreOfQueue { get; private init; } = new Dictionary<int, int>();

    /// <summary>What was asked for and cannot be, a sentence each.</summary>
    public IReadOnlyList<string> Faults { get; private init; } = [];

    /// <summary>Reads it.</summary>
    /// <param name="wanted">The interface.</param>
    public static PortTuning Of(WantedInterface wanted)
    {
        var faults = new List<string>();
        return new PortTuning
        {
            Retries = RetriesOf(wanted, faults),
            CoreOfQueue = CoresOf(wanted.QueueAffinity, faults),
            Faults = faults,
        };
    }

    private static int? RetriesOf(WantedInterface wanted, List<string> faults)
    {
        if (wanted.Options.GetValueOrDefault("tx-retries-max") is not { } text) return null;
        if (int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out int retries) && retries <= MostRetries) return retries;
        faults.Add($"options:tx-retries-max={text} was given, 0 to {MostRetries} is allowed: {DefaultRetries} is used");
        return DefaultRetries;
    }

    // As Open vSwitch takes it: QUEUE:CORE, separated by commas.
    private static Dictionary<int, int> CoresOf(string text, List<string> faults)
    {
        var cores = new Dictionary<int, int>();
        foreach (string pair in text.Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries))
        {
            string[] numbers = pair.Split(':');
            if (numbers.Length == 2 && int.TryParse(numbers[0], NumberStyles.None, CultureInfo.InvariantCulture, out int queue)
                && int.TryParse(numbers[1], NumberStyles.None, CultureInfo.InvariantCulture, out int core))
            {
                cores[queue] = core;
                continue;
            }
            faults.Add($"other_config:pmd-rxq-affinity={text} was given, QUEUE:CORE,... is allowed: it has no effect");
            return [];
        }
        return cores;
    }
}
