namespace VhostSwitch.Control.Unixctl;

/// <summary>Where the control socket is when the user does not name it.</summary>
public static class ControlSocketPath
{
    /// <summary>The directory for switches that may write there.</summary>
    public const string SystemDirectory = "/run/vhost-switch";

    private const string UserDirectoryVariable = "XDG_RUNTIME_DIR";

    /// <summary>The default places, the better one first.</summary>
    /// <param name="filePrefix">DPDK's <c>--file-prefix</c>, which names the switch among several.</param>
    public static IReadOnlyList<string> Defaults(string filePrefix) =>
        Defaults(filePrefix, SystemDirectory, Environment.GetEnvironmentVariable(UserDirectoryVariable));

    internal static IReadOnlyList<string> Defaults(string filePrefix, string systemDirectory, string? userDirectory)
    {
        string name = filePrefix + ".ctl";
        string system = Path.Combine(systemDirectory, name);
        // A relative path is invalid there and to be ignored, says the XDG Base Directory Specification.
        return userDirectory is not null && Path.IsPathRooted(userDirectory) ? [system, Path.Combine(userDirectory, "vhost-switch", name)] : [system];
    }
}
