using System.Text;
using VhostSwitch.Linux;

namespace VhostSwitch.Vhost.User;

/// <summary>Makes listening sockets, and says in one sentence what to change where one cannot be made.</summary>
public static class SocketPath
{
    /// <summary>Listens on a path. A socket file that nobody serves any more is replaced; anything else that is there stays.</summary>
    /// <param name="path">The path.</param>
    /// <param name="backlog">How many connections may wait.</param>
    /// <exception cref="VhostException">It cannot be made there.</exception>
    public static UnixSocket Listen(string path, int backlog)
    {
        CheckLength(path);
        string directory = Path.GetDirectoryName(Path.GetFullPath(path))!;
        if (!Directory.Exists(directory))
            throw new VhostException($"the socket {path} cannot be made: there is no directory {directory}; make it first");
        RemoveStale(path);
        try
        {
            return UnixSocket.Listen(path, backlog);
        }
        catch (LinuxException e) when (e.Errno is Errno.EACCES or Errno.EPERM)
        {
            throw new VhostException($"the socket {path} cannot be made: no permission to write in {directory}");
        }
        catch (LinuxException e)
        {
            throw new VhostException($"the socket {path} cannot be made: {e.Message}");
        }
    }

    /// <summary>Refuses a path that no socket can have.</summary>
    /// <param name="path">The path.</param>
    /// <exception cref="VhostException">It is too long.</exception>
    internal static void CheckLength(string path)
    {
        int bytes = Encoding.UTF8.GetByteCount(path);
        if (bytes > UnixSocket.MaxPathBytes)
            throw new VhostException($"the socket path {path} has {bytes} bytes, {UnixSocket.MaxPathBytes} are the most: choose a shorter one");
    }

    private static void RemoveStale(string path)
    {
        // Not File.Exists, which follows links: a link that leads nowhere is in the way as well.
        var info = new FileInfo(path);
        if (!info.Exists && info.LinkTarget is null)
        {
            if (Directory.Exists(path)) throw new VhostException($"the socket {path} cannot be made: a directory of that name is there");
            return;
        }
        try
        {
            using var probe = UnixSocket.Connect(path, nonBlocking: true);
            throw new VhostException($"the socket {path} is already served by process {probe.Peer().ProcessId}: end it or choose another path");
        }
        catch (LinuxException e) when (e.Errno == Errno.ECONNREFUSED)
        {
            // Connecting to something that is no socket is refused just like connecting to a socket nobody serves.
            if (!IsSocket(info)) throw new VhostException($"the socket {path} cannot be made: a file that is not a socket is there; move it away or choose another path");
        }
        catch (LinuxException e) when (e.Errno == Errno.ENOENT)
        {
            throw new VhostException($"the socket {path} cannot be made: a link that leads nowhere is there; remove it or choose another path");
        }
        catch (LinuxException e) when (e.Errno is Errno.EACCES or Errno.EPERM)
        {
            throw new VhostException($"the socket {path} cannot be made: a file is there that this user may not open");
        }
        try
        {
            File.Delete(path);
        }
        catch (Exception e) when (e is UnauthorizedAccessException or IOException)
        {
            throw new VhostException($"the socket {path} is stale and cannot be removed: {e.Message}");
        }
    }

    // The class library has no name for a socket, but says what a file is not.
    private static bool IsSocket(FileInfo info) => info.LinkTarget is null && (info.Attributes & FileAttributes.Directory) == 0 && UnixSocket.IsSocketFile(info.FullName);
}
