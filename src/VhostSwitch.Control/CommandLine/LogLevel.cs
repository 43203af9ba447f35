namespace VhostSwitch.Control.CommandLine;

/// <summary>The least important lines that are still printed: <c>--log-level</c>. The numbers are DPDK's.</summary>
public enum LogLevel
{
    /// <summary>The system is unusable.</summary>
    Emergency = 1,

    /// <summary>Somebody must act at once.</summary>
    Alert = 2,

    /// <summary>The switch cannot go on.</summary>
    Critical = 3,

    /// <summary>Something does not work.</summary>
    Error = 4,

    /// <summary>Something works otherwise than the user may expect.</summary>
    Warning = 5,

    /// <summary>Normal, and worth knowing.</summary>
    Notice = 6,

    /// <summary>What happens: devices come and go, addresses are learned.</summary>
    Info = 7,

    /// <summary>What only developers want to see.</summary>
    Debug = 8,
}
