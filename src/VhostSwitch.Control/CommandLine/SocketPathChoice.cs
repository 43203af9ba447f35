using System.Text;
using VhostSwitch.Linux;

namespace VhostSwitch.Control.CommandLine;

/// <summary>Which sockets to serve: <c>--socket-file</c>, <c>--dev-basename</c>, or the default.</summary>
internal static class SocketPathChoice
{
    /// <summary>The longest path of a socket, in bytes.</summary>
    public const int MaxBytes = UnixSocket.MaxPathBytes;

    /// <summary>Checks and chooses.</summary>
    /// <param name="files">The values of <c>--socket-file</c>.</param>
    /// <param name="baseName">The value of <c>--dev-basename</c>; null when not given.</param>
    /// <param name="controlSocket">The value of <c>--ctl-socket</c>; null when not given.</param>
    /// <param name="hasDefault">True to serve the default path where none is given.</param>
    /// <exception cref="CommandLineException">A path is too long or empty, two are the same, or both options are given.</exception>
    public static IReadOnlyList<string> Of(IReadOnlyList<string> files, string? baseName, string? controlSocket, bool hasDefault)
    {
        if (files.Count > 0 && baseName is not null)
            throw new CommandLineException("--socket-file and --dev-basename both name the socket: give one of them");
        foreach (string file in files)
            CheckPath(file, "--socket-file");
        if (baseName is not null) CheckPath(baseName, $"character device basename (Max {MaxBytes} characters)");
        if (controlSocket is not null) CheckPath(controlSocket, "--ctl-socket");
        IReadOnlyList<string> paths = files.Count > 0 ? files
            : baseName is not null ? [baseName]
            : hasDefault ? [SwitchConfiguration.DefaultSocketPath] : [];

        var seen = new HashSet<string>(StringComparer.Ordinal);
        foreach (string path in paths)
        {
            if (!seen.Add(Path.GetFullPath(path)))
                throw new CommandLineException($"--socket-file {path} is given twice: each socket needs a path of its own");
        }
        if (controlSocket is not null && seen.Contains(Path.GetFullPath(controlSocket)))
            throw new CommandLineException($"--ctl-socket {controlSocket} is a socket for guests as well: each socket needs a path of its own");
        return paths;
    }

    private static void CheckPath(string path, string keyword)
    {
        int bytes = Encoding.UTF8.GetByteCount(path);
        if (bytes is 0 or > MaxBytes || path.Contains('\0'))
            throw new CommandLineException(
                $"Invalid argument for {keyword}: '{path}' was given, which has {bytes} bytes; 1 to {MaxBytes} are allowed");
    }
}
