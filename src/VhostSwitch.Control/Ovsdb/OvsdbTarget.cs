using System.Text;
using VhostSwitch.Control.CommandLine;
using VhostSwitch.Linux;

namespace VhostSwitch.Control.Ovsdb;

/// <summary>Where Open vSwitch's database is served.</summary>
/// <param name="SocketPath">The socket of <c>ovsdb-server</c>.</param>
/// <param name="RunFolder">The run directory: the sockets of ports are made in it.</param>
public sealed record OvsdbTarget(string SocketPath, string RunFolder)
{
    /// <summary>The variable that names the run directory, as for Open vSwitch's own programs.</summary>
    public const string RunFolderVariable = "OVS_RUNDIR";

    private const string Scheme = "unix:";

    /// <summary>Reads the value of <c>--ovsdb</c>.</summary>
    /// <param name="text">The text.</param>
    /// <param name="runFolder">The value of <see cref="RunFolderVariable"/>; without one, the run directory is the folder of the socket.</param>
    /// <exception cref="CommandLineException">It names no Unix socket.</exception>
    public static OvsdbTarget Parse(string text, string? runFolder)
    {
        if (!text.StartsWith(Scheme, StringComparison.Ordinal))
        {
            throw new CommandLineException($"Invalid argument for --ovsdb: '{text}' was given, unix:PATH is allowed, "
                + "the socket of ovsdb-server (tcp and ssl are not built)");
        }
        string path = text[Scheme.Length..];
        if (Encoding.UTF8.GetByteCount(path) is 0 or > UnixSocket.MaxPathBytes)
            throw new CommandLineException($"Invalid argument for --ovsdb: '{path}' was given; 1 to {UnixSocket.MaxPathBytes} bytes are allowed");
        path = Path.GetFullPath(path);
        return new OvsdbTarget(path, string.IsNullOrEmpty(runFolder) ? Path.GetDirectoryName(path)! : runFolder);
    }
}
