using System.Net.Sockets;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;

namespace VhostSwitch.Interop.Rig;

/// <summary>QEMU's monitor in its machine's form: a JSON object a line. A command is answered before the next one is sent.</summary>
internal sealed class QmpClient(string guest) : IDisposable
{
    private Socket? _socket;
    private int _commands;

    public Transcript Transcript { get; } = new($"monitor of {guest}");

    /// <summary>Takes over a connection, and leaves the mode in which QEMU takes no commands.</summary>
    public async Task UseAsync(Socket socket)
    {
        _socket = socket;
        _ = ReadAsync(socket);
        await Transcript.WaitForLineAsync(new Regex("\"QMP\""), Limits.Step);
        await ExecuteAsync("qmp_capabilities");
    }

    /// <summary>Carries out a command and gives what it returns.</summary>
    /// <exception cref="RigException">QEMU refused it, or did not answer.</exception>
    public async Task<JsonElement> ExecuteAsync(string command, JsonObject? arguments = null)
    {
        JsonObject message = new() { ["execute"] = command, ["id"] = $"rig{++_commands}" };
        if (arguments is not null)
            message["arguments"] = arguments;
        string line = message.ToJsonString();
        int from = Transcript.Length;
        Transcript.Add('>', line);
        try
        {
            await _socket!.SendAsync(Encoding.UTF8.GetBytes(line + "\n"));
        }
        catch (SocketException e)
        {
            throw new RigException($"QEMU of guest {guest} takes no commands: {e.Message}", Transcript);
        }
        (_, int at) = await Transcript.WaitForLineAsync(new Regex($"\"id\": \"rig{_commands}\""), Limits.Step, from);
        using JsonDocument answer = JsonDocument.Parse(Transcript.Lines(at, at + 1)[0]);
        return answer.RootElement.TryGetProperty("return", out JsonElement result)
            ? result.Clone()
            : throw new RigException($"QEMU of guest {guest} refused {line}", Transcript);
    }

    /// <summary>Waits for an event, from line <paramref name="from"/> of the transcript on.</summary>
    public Task WaitForEventAsync(string name, TimeSpan limit, int from = 0) =>
        Transcript.WaitForLineAsync(new Regex($"\"event\": \"{name}\""), limit, from);

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
