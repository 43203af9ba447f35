using System.Diagnostics;
using System.Runtime.InteropServices;
using VhostSwitch.Linux;
using VhostSwitch.Vhost.User;

namespace VhostSwitch.VirtioUser;

/// <summary>
/// The front-end's end of a vhost-user connection: one request at a time, every wait with an end. Requests and the look at
/// the connection's health may come from different threads.
/// </summary>
internal sealed class VhostUserConnection : IDisposable
{
    private readonly TimeSpan _timeout;
    private readonly UnixSocket _socket;
    private readonly Epoll _readable = new();
    private readonly Lock _turn = new();
    private readonly List<FileDescriptor> _received = [];

    /// <summary>Takes over a connected socket, non-blocking.</summary>
    /// <param name="socket">The socket; belongs to the connection.</param>
    /// <param name="path">The path it was connected by, for messages.</param>
    /// <param name="timeout">How long the back-end may take for one answer.</param>
    internal VhostUserConnection(UnixSocket socket, string path, TimeSpan timeout)
    {
        Path = path;
        _timeout = timeout;
        _socket = socket;
        _readable.Add(_socket.Number, 0);
    }

    /// <summary>The path it was connected by.</summary>
    internal string Path { get; }

    /// <summary>The socket's number, to wait for.</summary>
    internal int Number => _socket.Number;

    /// <summary>True once the back-end agreed to acknowledge every message that asks for it.</summary>
    internal bool ReplyAck { get; set; }

    /// <summary>Connects to a socket.</summary>
    /// <param name="path">Its path.</param>
    /// <param name="timeout">How long the back-end may take for one answer.</param>
    /// <exception cref="VirtioUserException">Nobody listens there.</exception>
    internal static VhostUserConnection To(string path, TimeSpan timeout)
    {
        try
        {
            return new VhostUserConnection(UnixSocket.Connect(path, nonBlocking: true), path, timeout);
        }
        catch (LinuxException e)
        {
            throw new VirtioUserException($"no vhost-user back-end at {path}: {e.Message}", e);
        }
    }

    /// <summary>Ends the connection: whoever waits for an answer is told that it was closed. Any thread may call it.</summary>
    internal void Abort() => _socket.Shutdown();

    /// <summary>Sends a message that has no answer of its own.</summary>
    /// <param name="request">Which.</param>
    /// <param name="payload">Its payload.</param>
    /// <param name="descriptors">The descriptors beside it.</param>
    /// <param name="acknowledged">True to wait until the back-end has done it, where it can say so.</param>
    internal void Send(FrontEndRequest request, ReadOnlySpan<byte> payload, ReadOnlySpan<int> descriptors = default, bool acknowledged = false)
    {
        lock (_turn)
        {
            acknowledged &= ReplyAck;
            Write(request, payload, descriptors, acknowledged);
            if (!acknowledged) return;
            Span<byte> status = stackalloc byte[sizeof(ulong)];
            Read(request, status);
            ulong value = MemoryMarshal.Read<ulong>(status);
            if (value != 0)
                throw new VirtioUserException($"the back-end at {Path} refused {request} with {value}");
        }
    }

    /// <summary>Sends a message that carries one structure.</summary>
    internal void Send<T>(FrontEndRequest request, T payload, ReadOnlySpan<int> descriptors = default, bool acknowledged = false)
        where T : unmanaged => Send(request, MemoryMarshal.AsBytes(new ReadOnlySpan<T>(in payload)), descriptors, acknowledged);

    /// <summary>Sends a message and waits for its answer.</summary>
    internal T Ask<T>(FrontEndRequest request, ReadOnlySpan<byte> payload = default)
        where T : unmanaged
    {
        lock (_turn)
        {
            Write(request, payload, default, false);
            T answer = default;
            Read(request, MemoryMarshal.AsBytes(new Span<T>(ref answer)));
            return answer;
        }
    }

    /// <summary>Looks whether the connection still stands; call it when the socket is readable outside of a request.</summary>
    /// <returns>Null while it stands, otherwise what happened.</returns>
    internal string? Trouble()
    {
        lock (_turn)
        {
            Span<byte> buffer = stackalloc byte[1];
            try
            {
                var outcome = _socket.Receive(buffer, _received, out _);
                CloseReceived();
                return outcome switch
                {
                    SocketOutcome.WouldBlock => null,
                    SocketOutcome.Closed => $"the back-end at {Path} closed the connection",
                    _ => $"the back-end at {Path} sent what nobody asked for",
                };
            }
            catch (LinuxException e)
            {
                return $"the connection to the back-end at {Path} failed: {e.Message}";
            }
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _readable.Dispose();
        _socket.Dispose();
        CloseReceived();
    }

    private void Write(FrontEndRequest request, ReadOnlySpan<byte> payload, ReadOnlySpan<int> descriptors, bool needReply)
    {
        Span<byte> message = stackalloc byte[MessageHeader.Length + payload.Length];
        var header = new MessageHeader
        {
            Request = (uint)request,
            Flags = MessageHeader.Version | (needReply ? MessageHeader.NeedReply : 0),
            Size = (uint)payload.Length,
        };
        MemoryMarshal.Write(message, in header);
        payload.CopyTo(message[MessageHeader.Length..]);
        try
        {
            if (_socket.Send(message, descriptors) != SocketOutcome.Done)
                throw new VirtioUserException($"the back-end at {Path} is gone or does not read; {request} was not sent");
        }
        catch (LinuxException e)
        {
            throw new VirtioUserException($"{request} could not be sent to the back-end at {Path}: {e.Message}", e);
        }
    }

    private void Read(FrontEndRequest request, Span<byte> payload)
    {
        Span<byte> head = stackalloc byte[MessageHeader.Length];
        long deadline = Stopwatch.GetTimestamp() + (long)(_timeout.TotalSeconds * Stopwatch.Frequency);
        ReadAll(request, head, deadline);
        var header = MemoryMarshal.Read<MessageHeader>(head);
        if (header.Request != (uint)request || header.Flags != (MessageHeader.Version | MessageHeader.Reply) || header.Size != (uint)payload.Length)
        {
            throw new VirtioUserException(
                $"the back-end at {Path} answered {request} with message {header.Request}, flags 0x{header.Flags:x} and {header.Size} bytes; "
                + $"expected flags 0x5 and {payload.Length} bytes");
        }
        ReadAll(request, payload, deadline);
    }

    private void ReadAll(FrontEndRequest request, Span<byte> into, long deadline)
    {
        Span<ulong> tokens = stackalloc ulong[1];
        while (into.Length > 0)
        {
            SocketOutcome outcome;
            int count;
            try
            {
                outcome = _socket.Receive(into, _received, out count);
            }
            catch (LinuxException e)
            {
                throw new VirtioUserException($"the answer to {request} could not be read from the back-end at {Path}: {e.Message}", e);
            }
            finally
            {
                CloseReceived();
            }
            switch (outcome)
            {
                case SocketOutcome.Done:
                    into = into[count..];
                    break;
                case SocketOutcome.WouldBlock:
                    long left = (deadline - Stopwatch.GetTimestamp()) * 1000 / Stopwatch.Frequency;
                    if (left <= 0)
                        throw new VirtioUserException($"the back-end at {Path} did not answer {request} within {_timeout.TotalSeconds:0.#} s");
                    _readable.Wait(tokens, (int)Math.Min(left + 1, 1000));
                    break;
                default:
                    throw new VirtioUserException($"the back-end at {Path} closed the connection instead of answering {request}");
            }
        }
    }

    // None of the answers this front-end asks for carries a descriptor.
    private void CloseReceived()
    {
        foreach (var descriptor in _received) descriptor.Dispose();
        _received.Clear();
    }
}
