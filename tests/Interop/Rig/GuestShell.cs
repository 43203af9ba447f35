using System.Net.Sockets;
using System.Text;
using System.Text.RegularExpressions;

namespace VhostSwitch.Interop.Rig;

/// <summary>
/// The test's end of the command channel to a guest: a Unix socket that QEMU joins to the guest's second serial port.
/// The protocol is described in tests/guest/init.
/// </summary>
internal sealed class GuestShell : IDisposable
{
    private readonly string _guest;
    private Socket? _socket;
    private int _commands;

    public GuestShell(string guest)
    {
        _guest = guest;
        Transcript = new Transcript($"shell of {guest}");
    }

    public Transcript Transcript { get; }

    /// <summary>Takes over the connection to QEMU, which drops what the guest says before: this comes right after the start.</summary>
    public void Use(Socket socket)
    {
        _socket = socket;
        _ = ReadAsync(socket);
    }

    /// <summary>Waits for a boot whose first line comes after line <paramref name="from"/> of the transcript.</summary>
    public Task WaitForBootAsync(TimeSpan limit, int from = 0) => Transcript.WaitForLineAsync(new Regex("^#READY "), limit, from);

    /// <summary>Runs a script in the guest, with both output streams as one.</summary>
    /// <exception cref="RigException">It did not end in time, or the guest has gone.</exception>
    public async Task<GuestCommandResult> RunAsync(string script, TimeSpan limit)
    {
        int from = Transcript.Length;
        int id = await SendAsync(script);
        (Match end, int endLine) = await Transcript.WaitForLineAsync(new Regex($@"^#END {id} (\d+)$"), limit, from);
        // The guest puts an empty line before the mark, for output that has no line end.
        IEnumerable<string> output = Transcript.Lines(from, endLine);
        return new GuestCommandResult(int.Parse(end.Groups[1].Value), string.Join('\n', output).TrimEnd('\n'));
    }

    /// <summary>Sends a script without waiting for its end: for one that ends the guest.</summary>
    public async Task<int> SendAsync(string script)
    {
        int id = ++_commands;
        Transcript.Add('>', script);
        string line = $"RUN {id} {Convert.ToBase64String(Encoding.UTF8.GetBytes(script))}\n";
        try
        {
            await _socket!.SendAsync(Encoding.ASCII.GetBytes(line));
        }
        catch (SocketException e)
        {
            throw new RigException($"the guest {_guest} takes no commands: {e.Message}", Transcript);
        }
        return id;
    }

    public void Dispose() => _socket?.Dispose();

    private async Task ReadAsync(Socket socket)
    {
        try
        {
            using NetworkStream stream = new(socket);
            using StreamReader lines = new(stream, Encoding.UTF8);
            while (await lines.ReadLineAsync() is { } line)
                Transcript.Add(' ', line);
        }
        catch (Exception e) when (e is IOException or ObjectDisposedException)
        {
            Transcript.Add('#', e.Message);
        }
        Transcript.End();
    }
}
