using System.Net.Sockets;
using System.Text;
using VhostSwitch.Linux;

namespace VhostSwitch.Control.Unixctl;

/// <summary>Makes the listening socket, which only the same user may connect to.</summary>
internal static class ControlSocketListener
{
    private const int Backlog = 16;

    /// <summary>Listens on a path. A socket file that nobody serves any more is replaced; anything else that is there stays.</summary>
    /// <exception cref="UnixctlException">It cannot be made there.</exception>
    public static Socket Listen(string path)
    {
        CheckLength(path);
        string directory = Path.GetDirectoryName(Path.GetFullPath(path))!;
        if (!Directory.Exists(directory))
            throw new UnixctlException($"the control socket {path} cannot be made: there is no directory {directory}; make it first");
        RemoveStale(path);
        var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        try
        {
            socket.Bind(new UnixDomainSocketEndPoint(path));
            // Nobody can have connected before: that takes Listen.
            File.SetUnixFileMode(path, UnixFileMode.UserRead | UnixFileMode.UserWrite);
            socket.Listen(Backlog);
            return socket;
        }
        catch (SocketException e)
        {
            socket.Dispose();
            string reason = e.SocketErrorCode == SocketError.AccessDenied ? $"no permission to write in {directory}" : e.Message;
            throw new UnixctlException($"the control socket {path} cannot be made: {reason}", e);
        }
    }

    /// <summary>Listens on the first of several paths where that is possible, and makes their directories.</summary>
    /// <exception cref="UnixctlException">It is possible on none, or the first possible one is served by somebody else.</exception>
    public static (Socket Socket, string Path) ListenOnFirst(IReadOnlyList<string> paths)
    {
        var reasons = new List<string>();
        foreach (string path in paths)
        {
            string directory = Path.GetDirectoryName(path)!;
            try
            {
                MakeDirectory(directory);
                return (Listen(path), path);
            }
            catch (Exception e) when (e is UnauthorizedAccessException or IOException)
            {
                reasons.Add($"{directory} cannot be made ({e.Message})");
            }
            catch (UnixctlException e) when (IsDenied(e.InnerException))
            {
                reasons.Add(e.Message);
            }
        }
        throw new UnixctlException(
            $"no place for the control socket: {string.Join("; ", reasons)}; name one with --ctl-socket PATH, or set XDG_RUNTIME_DIR");
    }

    /// <summary>Refuses a path that is too long for a socket.</summary>
    /// <exception cref="UnixctlException">It is.</exception>
    public static void CheckLength(string path)
    {
        int bytes = Encoding.UTF8.GetByteCount(path);
        if (bytes is 0 or > UnixSocket.MaxPathBytes)
            throw new UnixctlException($"the control socket's path '{path}' has {bytes} bytes; 1 to {UnixSocket.MaxPathBytes} are allowed");
    }

    // A directory that is there stays as it is; a new one in a user's own place is for this user alone.
    private static void MakeDirectory(string directory)
    {
        const UnixFileMode owner = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute;
        const UnixFileMode others = UnixFileMode.GroupRead | UnixFileMode.GroupExecute | UnixFileMode.OtherRead | UnixFileMode.OtherExecute;
        Directory.CreateDirectory(directory, directory == ControlSocketPath.SystemDirectory ? owner | others : owner);
    }

    private static void RemoveStale(string path)
    {
        // Not File.Exists, which follows links: a link that leads nowhere is in the way as well.
        if (!Path.Exists(path) && new FileInfo(path).LinkTarget is null) return;
        try
        {
            using var probe = UnixSocket.Connect(path, nonBlocking: true);
            string owner = Owner(probe.Peer().ProcessId);
            throw new UnixctlException($"the control socket {path} is served by {owner}: end it, or choose another --ctl-socket or --file-prefix");
        }
        catch (LinuxException e) when (e.Errno == Errno.ECONNREFUSED)
        {
            // What is no socket refuses connections just like a socket that nobody serves.
            if (!UnixSocket.IsSocketFile(path))
            {
                throw new UnixctlException(
                    $"the control socket {path} cannot be made: something that is no socket is there; move it away or choose another path");
            }
        }
        catch (LinuxException e)
        {
            throw new UnixctlException($"the control socket {path} cannot be made: {e.Message}", e);
        }
        try
        {
            File.Delete(path);
        }
        catch (Exception e) when (e is UnauthorizedAccessException or IOException)
        {
            throw new UnixctlException($"the control socket {path} is stale and cannot be removed: {e.Message}", e);
        }
    }

    // Somebody else's place, perhaps with the socket of a switch that another user runs.
    private static bool IsDenied(Exception? reason) => reason
        is SocketException { SocketErrorCode: SocketError.AccessDenied }
        or LinuxException { Errno: Errno.EACCES or Errno.EPERM }
        or UnauthorizedAccessException;

    private static string Owner(int processId)
    {
        try
        {
            return $"process {processId} ({File.ReadAllText($"/proc/{processId}/comm").Trim()})";
        }
        catch (Exception e) when (e is UnauthorizedAccessException or IOException)
        {
            // It ended meanwhile, or lives where this process cannot see it: the number alone must do.
            return $"process {processId}";
        }
    }
}
