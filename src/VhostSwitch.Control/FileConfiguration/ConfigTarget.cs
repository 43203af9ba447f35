using VhostSwitch.Control.CommandLine;
using VhostSwitch.Control.Ovsdb;
using VhostSwitch.Control.Unixctl;

namespace VhostSwitch.Control.FileConfiguration;

/// <summary>What <c>--config</c> names.</summary>
/// <param name="File">The file, which has been read.</param>
/// <param name="RunFolder">The run directory: the sockets of ports are made in it.</param>
public sealed record ConfigTarget(ConfigFile File, string RunFolder)
{
    /// <summary>Reads the file.</summary>
    /// <param name="path">The value of <c>--config</c>.</param>
    /// <param name="runFolder">
    /// The value of <see cref="OvsdbTarget.RunFolderVariable"/>; without one, the run directory is the control socket's folder.
    /// </param>
    /// <param name="controlSocket">The value of <c>--ctl-socket</c>; null for the default places.</param>
    /// <exception cref="CommandLineException">The file cannot be read, or something in it is wrong.</exception>
    public static ConfigTarget Open(string path, string? runFolder, string? controlSocket)
    {
        try
        {
            var file = ConfigFile.Open(path);
            string folder = !string.IsNullOrEmpty(runFolder) ? runFolder
                : Path.GetDirectoryName(Path.GetFullPath(controlSocket ?? DefaultSocket()))!;
            return new ConfigTarget(file, folder);
        }
        catch (ConfigException e)
        {
            throw new CommandLineException($"--config {e.Message}");
        }
    }

    // Of the two, the one that this user may write in as a rule.
    private static string DefaultSocket()
    {
        var places = ControlSocketPath.Defaults(SwitchConfiguration.DefaultFilePrefix);
        return Environment.IsPrivilegedProcess ? places[0] : places[^1];
    }
}
