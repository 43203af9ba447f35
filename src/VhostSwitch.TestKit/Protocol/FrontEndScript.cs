using System.Diagnostics;
using System.Runtime.InteropServices;
using VhostSwitch.Linux;
using VhostSwitch.TestKit.Host;
using VhostSwitch.Vhost.User;

namespace VhostSwitch.TestKit.Protocol;

/// <summary>
/// The front-end's end of a vhost-user connection, for tests: sends messages well-formed or not, with any flags, length and
/// descriptors, and reads what the back-end answers.
/// </summary>
public sealed class FrontEndScript : IDisposable
{
    private readonly UnixSocket _socket;
    private readonly Epoll _readable = new();

    /// <summary>Takes over a connected socket.</summary>
    /// <param name="socket">The socket.</param>
    public FrontEndScript(UnixSocket socket)
    {
        _socket = socket;
        _readable.Add(socket.Number, 0);
    }

    /// <summary>Connects to a back-end.</summary>
    /// <param name="path">Its socket.</param>
    public static FrontEndScript Connect(string path) => new(UnixSocket.Connect(path, nonBlocking: true));

    /// <summary>Sends bytes as they are.</summary>
    /// <param name="bytes">The bytes.</param>
    /// <param name="descriptors">Descriptors beside the first byte.</param>
    public SocketOutcome SendBytes(ReadOnlySpan<byte> bytes, ReadOnlySpan<int> descriptors = default) => _socket.Send(bytes, descriptors);

    /// <summary>Sends a message.</summary>
    /// <param name="request">Any number.</param>
    /// <param name="payload">The payload.</param>
    /// <param name="descriptors">The descriptors.</param>
    /// <param name="flags">The flags; by default version 1.</param>
    /// <param name="announced">The length the header announces; by default the payload's.</param>
    public SocketOutcome Send(uint request, ReadOnlySpan<byte> payload = default, ReadOnlySpan<int> descriptors = default, uint flags = MessageHeader.Version, uint? announced = null) =>
        SendBytes(Payload.Message(request, flags, announced ?? (uint)payload.Length, payload), descriptors);

    /// <summary>Sends a message.</summary>
    /// <param name="request">The request.</param>
    /// <param name="payload">The payload.</param>
    /// <param name="descriptors">The descriptors.</param>
    public SocketOutcome Send(FrontEndRequest request, ReadOnlySpan<byte> payload = default, ReadOnlySpan<int> descriptors = default) =>
        Send((uint)request, payload, descriptors);

    /// <summary>Sends a message that has an answer of its own, and waits for it.</summary>
    /// <param name="request">The request.</param>
    /// <param name="payload">The payload.</param>
    /// <exception cref="FrontEndScriptException">The back-end closed the connection, or answered something else.</exception>
    public BackEndReply Ask(FrontEndRequest request, ReadOnlySpan<byte> payload = default)
    {
        Send(request, payload);
        return Answer(request);
    }

    /// <summary>Sends a message and asks for its acknowledgement.</summary>
    /// <param name="request">The request.</param>
    /// <param name="payload">The payload.</param>
    /// <param name="descriptors">The descriptors.</param>
    /// <returns>0 for success.</returns>
    /// <exception cref="FrontEndScriptException">The back-end closed the connection, or answered something else.</exception>
    public ulong Acknowledge(FrontEndRequest request, ReadOnlySpan<byte> payload = default, ReadOnlySpan<int> descriptors = default)
    {
        Send((uint)request, payload, descriptors, MessageHeader.Version | MessageHeader.NeedReply);
        return Answer(request).Number;
    }

    /// <summary>Waits for a message of the back-end.</summary>
    /// <returns>The message; null when the connection is closed.</returns>
    /// <exception cref="TimeoutException">Nothing came.</exception>
    public BackEndReply? Receive()
    {
        byte[] head = new byte[MessageHeader.Length];
        if (!ReadAll(head)) return null;
        var header = MemoryMarshal.Read<MessageHeader>(head);
        byte[] payload = new byte[header.Size];
        return ReadAll(payload) ? new BackEndReply(header.Request, header.Flags, payload) : null;
    }

    /// <summary>Reads and throws away what comes until the back-end closes the connection.</summary>
    /// <returns>False when it did not in time.</returns>
    public bool WaitForEnd()
    {
        byte[] buffer = new byte[4096];
        long start = Stopwatch.GetTimestamp();
        while (Stopwatch.GetElapsedTime(start) < Until.Limit)
        {
            switch (Read(buffer, out _))
            {
                case SocketOutcome.Closed: return true;
                case SocketOutcome.WouldBlock: Wait(); break;
            }
        }
        return false;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _readable.Dispose();
        _socket.Dispose();
    }

    private BackEndReply Answer(FrontEndRequest request)
    {
        var reply = Receive() ?? throw new FrontEndScriptException($"the connection was closed instead of {request} being answered");
        if (reply.Request != (uint)request || reply.Flags != (MessageHeader.Version | MessageHeader.Reply))
            throw new FrontEndScriptException($"{request} was answered with message {reply.Request}, flags 0x{reply.Flags:x}");
        return reply;
    }

    private bool ReadAll(Span<byte> into)
    {
        long start = Stopwatch.GetTimestamp();
        while (into.Length > 0)
        {
            switch (Read(into, out int count))
            {
                case SocketOutcome.Done:
                    into = into[count..];
                    break;
                case SocketOutcome.WouldBlock:
                    if (Stopwatch.GetElapsedTime(start) > Until.Limit) throw new TimeoutException("the back-end does not answer");
                    Wait();
                    break;
                default:
                    return false;
            }
        }
        return true;
    }

    private SocketOutcome Read(Span<byte> into, out int count)
    {
        var descriptors = new List<FileDescriptor>();
        var outcome = _socket.Receive(into, descriptors, out count);
        descriptors.ForEach(d => d.Dispose());
        return outcome;
    }

    private void Wait()
    {
        Span<ulong> tokens = stackalloc ulong[1];
        _readable.Wait(tokens, 100);
    }
}
