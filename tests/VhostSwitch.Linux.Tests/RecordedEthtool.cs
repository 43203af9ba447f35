namespace VhostSwitch.Linux.Tests;

/// <summary>
/// A kernel that answers as one did: Recorded/veth.txt (Linux 6.18, two queues) and Recorded/virtio_net.txt (one queue). A line has the question
/// without its trailing zeros, its length, the error number and the answer without its trailing zeros.
/// </summary>
internal sealed class RecordedEthtool(string recording) : IEthtool
{
    private readonly string[][] _lines =
        [.. File.ReadAllLines(Path.Combine(AppContext.BaseDirectory, "Recorded", recording)).Where(l => l.Length > 0).Select(l => l.Split(' '))];

    public int Exchange(string interfaceName, Span<byte> command)
    {
        string question = Convert.ToHexStringLower(command[..(command.LastIndexOfAnyExcept((byte)0) + 1)]);
        string length = command.Length.ToString();
        string[] line = _lines.Single(l => l[0] == question && l[1] == length);
        byte[] answer = Convert.FromHexString(line[3]);
        command.Clear();
        answer.CopyTo(command);
        return int.Parse(line[2]);
    }
}
