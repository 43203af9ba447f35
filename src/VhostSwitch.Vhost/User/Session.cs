using System.Runtime.InteropServices;
using VhostSwitch.Linux;

namespace VhostSwitch.Vhost.User;

/// <summary>One connection of a front-end: its messages, and the device they set up. Lives on the control thread.</summary>
public sealed class Session : IDisposable
{
    // A front-end that talks without end gets its turn like everyone else.
    private const int MessagesPerTurn = 32;

    private readonly EventLoop _loop;
    private readonly UnixSocket _socket;
    private readonly MessageReader _reader;
    private readonly RequestHandler _handler;
    private readonly Action<Session> _ended;
    private string? _refusal;
    private bool _disposed;

    /// <summary>Takes over a connection.</summary>
    /// <param name="loop">The control thread's loop.</param>
    /// <param name="socket">The connection; belongs to the session from now on.</param>
    /// <param name="device">The device that the front-end sets up; belongs to the session from now on.</param>
    /// <param name="ended">Told once when the connection is over; the session is not yet disposed then.</param>
    public Session(EventLoop loop, UnixSocket socket, Device device, Action<Session> ended)
    {
        _loop = loop;
        _socket = socket;
        _reader = new MessageReader(socket);
        _handler = new RequestHandler(device, backEnd => device.SetBackEnd(new BackEndChannel(loop, backEnd, (device.ProtocolFeatures & ProtocolFeatures.ReplyAck) != 0)));
        _ended = ended;
        Device = device;
        Peer = socket.Peer();
        loop.Watch(socket.Number, Serve);
    }

    /// <summary>The device.</summary>
    public Device Device { get; }

    /// <summary>Who is on the other side.</summary>
    public PeerCredentials Peer { get; }

    /// <summary>Why the session is over; null while it is not, or when the front-end just went.</summary>
    public string? EndReason { get; private set; }

    /// <summary>The last request that was refused without ending the session.</summary>
    /// <returns>The reason, once; null where there was none since the last call.</returns>
    public string? TakeRefusal()
    {
        string? refusal = _refusal;
        _refusal = null;
        return refusal;
    }

    /// <summary>Ends the session for a reason that was not in its messages.</summary>
    /// <param name="reason">Becomes <see cref="EndReason"/>; one sentence.</param>
    public void Abort(string reason) => End(reason);

    /// <summary>Stops the device and closes the connection.</summary>
    public void Dispose()
    {
        if (_disposed) return;
        _disposed = true;
        _loop.Unwatch(_socket.Number);
        Device.Dispose();
        _reader.Dispose();
        _socket.Dispose();
    }

    private void Serve()
    {
        try
        {
            for (int i = 0; i < MessagesPerTurn; i++)
            {
                switch (_reader.TryRead())
                {
                    case SocketOutcome.Done:
                        if (!Answer()) return;
                        continue;
                    case SocketOutcome.WouldBlock:
                        return;
                    case SocketOutcome.Closed:
                        End(null);
                        return;
                    case SocketOutcome.Truncated:
                        End($"more than {UnixSocket.MaxDescriptors} descriptors came at once");
                        return;
                }
            }
        }
        catch (VhostException e)
        {
            End(e.Message);
        }
        catch (LinuxException e)
        {
            End(e.Message);
        }
    }

    // False when the session is over.
    private bool Answer()
    {
        var header = _reader.Header;
        var request = (FrontEndRequest)header.Request;
        bool acknowledge = (header.Flags & MessageHeader.NeedReply) != 0 && (Device.ProtocolFeatures & ProtocolFeatures.ReplyAck) != 0;
        try
        {
            var reply = _handler.Handle(request, _reader.Payload, _reader.Descriptors);
            if (_handler.ReplyDescriptor is { } descriptor) return Send(header.Request, reply, [descriptor]);
            if (!reply.IsEmpty) return Send(header.Request, reply, []);
        }
        catch (VhostException e) when (acknowledge)
        {
            _refusal = e.Message;
            return SendNumber(header.Request, 1);
        }
        return !acknowledge || SendNumber(header.Request, 0);
    }

    private bool SendNumber(uint request, ulong number)
    {
        Span<byte> payload = stackalloc byte[sizeof(ulong)];
        MemoryMarshal.Write(payload, number);
        return Send(request, payload, []);
    }

    private bool Send(uint request, ReadOnlySpan<byte> payload, ReadOnlySpan<int> descriptors)
    {
        Span<byte> message = stackalloc byte[MessageHeader.Length + payload.Length];
        var header = new MessageHeader { Request = request, Flags = MessageHeader.Version | MessageHeader.Reply, Size = (uint)payload.Length };
        MemoryMarshal.Write(message, header);
        payload.CopyTo(message[MessageHeader.Length..]);
        switch (_socket.Send(message, descriptors))
        {
            case SocketOutcome.Done: return true;
            case SocketOutcome.WouldBlock: End("the front-end does not read its answers"); return false;
            default: End(null); return false;
        }
    }

    private void End(string? reason)
    {
        EndReason = reason;
        _ended(this);
    }
}
