using VhostSwitch.Dataplane;
using VhostSwitch.Packets;
using VhostSwitch.Ports.NetPcap.Capture;

namespace VhostSwitch.Ports.NetPcap;

/// <summary>A device of <see cref="PcapDriver"/>.</summary>
internal sealed class PcapDevice : PortDevice
{
    private readonly PcapOptions _options;
    private readonly List<CaptureFile> _files = [];
    private readonly List<PcapInput> _inputs = [];
    private readonly List<CaptureWriter> _writers = [];
    private readonly List<PcapOutput> _outputs = [];
    private string?[] _trouble = [];
    private bool _begun;

    public PcapDevice(Vdev vdev, PcapOptions options, PortContext context)
        : base(vdev, context) => _options = options;

    /// <inheritdoc/>
    public override string Endpoint => string.Join(", ", _options.Inputs.Concat(_options.Outputs.Select(o => o.Path)));

    /// <inheritdoc/>
    public override MacAddress? Address => null;

    /// <inheritdoc/>
    public override string Status =>
        _writers.FirstOrDefault(w => w.Trouble is not null) is { } writer
            ? $"cannot write, and drops what is sent here until it can: {writer.Trouble}"
            : $"up: {string.Join("; ", _inputs.Select(Describe).Concat(_writers.Select(w => $"{w.Written} frames written to {w.Path}")))}";

    /// <summary>Gives frames as soon as there is a port that takes them, and takes away what has given all.</summary>
    public override void Check()
    {
        for (int i = 0; i < _writers.Count; i++)
        {
            string? trouble = _writers[i].Trouble;
            if (trouble == _trouble[i]) continue;
            _trouble[i] = trouble;
            Note(trouble is null ? $"{_writers[i].Path} is written again" : Status);
        }
        if (!_begun && !SomeoneTakes()) return;
        InputQueue[] active = [.. _inputs.Where(i => !i.Ended)];
        if (_begun && active.Length == Port.Inputs.Length) return;
        _begun = true;
        // A poll thread asks an input without a kick a thousand times a second; without one it sleeps.
        Use(active, [.. _outputs]);
    }

    /// <inheritdoc/>
    protected override void Open()
    {
        // Read before anything is written.
        foreach (string path in _options.Inputs)
        {
            _files.Add(CaptureFile.Load(path, Context.Memory));
            _inputs.Add(new PcapInput(_inputs.Count, _files[^1], _options.Rate, _options.Endless, InputCountersOf(_inputs.Count)));
        }
        foreach (var (path, format) in _options.Outputs)
        {
            _writers.Add(new CaptureWriter(path, format, _options.SnapLength, Context.Memory));
            _outputs.Add(new PcapOutput(_outputs.Count, _writers[^1], _options.SnapLength, OutputCountersOf(_outputs.Count)));
        }
        _trouble = [.. _writers.Select(w => w.Trouble)];
        Use([], [.. _outputs]);
        if (Context.DataPlane.PollsOnDemand) Check();
    }

    /// <inheritdoc/>
    protected override void Close()
    {
        foreach (var writer in _writers)
        {
            writer.Dispose();
            if (writer.Lost > 0) Note($"{writer.Lost} frames could not be written to {writer.Path}: {writer.Trouble}");
        }
        foreach (var file in _files)
            file.Dispose();
    }

    // Frames given to a switch without another port would be lost: devices are made one after the other, and guests connect later.
    private bool SomeoneTakes()
    {
        if (Context.DataPlane.PollsOnDemand) return true;
        foreach (var port in Context.DataPlane.Topology.Attached)
        {
            if (port != Port && port.Outputs.Length > 0) return true;
        }
        return false;
    }

    private string Describe(PcapInput input)
    {
        var file = _files[input.Index];
        string text = input.Ended ? $"gave all {file.Records.Length} frames of {file.Path}"
            : !_begun ? $"waits with the {file.Records.Length} frames of {file.Path} for another port that takes frames"
            : $"gives the {file.Records.Length} frames of {file.Path} {_options.Rate}{(_options.Endless ? ", again and again" : "")}";
        return file.EndsEarlyAt is { } at ? $"{text}; it ends in the midst of the record at byte {at}" : text;
    }
}
