using System.Net.Sockets;

namespace VhostSwitch.Interop.Rig;

/// <summary>A connection to whoever serves a path on this host.</summary>
internal static class LocalSocket
{
    /// <summary>Connects as soon as somebody listens: the path is there a moment before.</summary>
    /// <param name="check">Throws when nobody ever will.</param>
    /// <param name="detail">What the server said last, for the message.</param>
    public static async Task<Socket> ConnectAsync(string path, Action check, Func<string> detail)
    {
        Socket? connected = null;
        await Until.TrueAsync(
            async () =>
            {
                check();
                Socket socket = new(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
                try
                {
                    await socket.ConnectAsync(new UnixDomainSocketEndPoint(path));
                    connected = socket;
                    return true;
                }
                catch (SocketException)
                {
                    socket.Dispose();
                    return false;
                }
            },
            Limits.Step,
            $"somebody serves {path}",
            detail);
        return connected!;
    }
}
