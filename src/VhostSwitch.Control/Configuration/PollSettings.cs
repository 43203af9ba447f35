namespace VhostSwitch.Control.Configuration;

/// <summary>How the switch shall poll, in the words of Open vSwitch. Unlike <see cref="SwitchSettings"/> it is followed at any time.</summary>
public sealed record PollSettings
{
    /// <summary>The cores that poll, as a hexadecimal mask (<c>pmd-cpu-mask</c>); null for those of the command line.</summary>
    public string? CoreMask { get; init; }

    /// <summary>How long a thread without frames may sleep, in microseconds (<c>pmd-maxsleep</c>, later <c>pmd-sleep-max</c>); null where nothing is said.</summary>
    public string? SleepUs { get; init; }

    /// <summary>How queues are spread over the threads (<c>pmd-rxq-assign</c>); null where nothing is said.</summary>
    public string? Assignment { get; init; }
}
